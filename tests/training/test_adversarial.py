from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.engines.utils import IterationEvents
from monai.handlers import StatsHandler, from_engine
from torch import nn

from monai_genaug.training import AdversarialEngine, NonFiniteLossError


class Player(nn.Module):
    """One weight: its output is the weight times the input."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x


class Duel(AdversarialEngine):
    """The generator's weight seeks the image, the discriminator's seeks the generator's output."""

    poison_at: tuple[str, int] | None = None

    def forward(self, image, label):
        self.seen = {"image": image, "label": label}
        return {"real": image, "fake": self.g_network(label)}

    def d_losses(self, tensors):
        return {"d_a": (self.d_network(tensors["real"]) - tensors["fake"].detach()).square().mean() * self.poison("d")}

    def g_losses(self, tensors):
        assert not any(p.requires_grad for p in self.d_network.parameters())
        loss = (tensors["fake"] - tensors["real"]).square().mean()
        return {"g_a": loss, "g_b": 0.5 * loss * self.poison("g")}

    def poison(self, player):
        return float("nan") if self.poison_at == (player, self.state.iteration) else 1.0


def engine(iterations: int = 4, epochs: int = 1, **kwargs) -> Duel:
    generator, discriminator = Player(0.0), Player(0.0)
    batches = [{"image": torch.ones(2, 1, 2, 2), "label": torch.ones(2, 1, 2, 2)}] * iterations
    return Duel(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=batches,
        g_network=generator,
        d_network=discriminator,
        g_optimizer=torch.optim.SGD(generator.parameters(), 0.1),
        d_optimizer=torch.optim.SGD(discriminator.parameters(), 0.1),
        **kwargs,
    )


def test_both_players_move_by_one_step_of_their_optimiser():
    duel = engine(iterations=1)
    duel.run()
    assert duel.g_network.weight.item() == pytest.approx(0.1 * 2 * 1.5)
    assert duel.d_network.weight.item() == 0.0  # the first output of the generator was 0


def test_output_holds_every_loss_detached_and_model_completed_is_fired():
    duel, fired = engine(iterations=2), []
    duel.add_event_handler(IterationEvents.MODEL_COMPLETED, lambda e: fired.append(dict(e.state.output)))
    duel.run()
    assert len(fired) == 2
    assert set(fired[0]) == {"g_a", "g_b", "g_loss", "loss", "d_a", "d_loss"}
    assert not any(value.requires_grad for value in fired[0].values())
    assert fired[0]["g_loss"].item() == pytest.approx(1.5)


def test_monai_handlers_and_own_events_can_be_attached(caplog):
    class Late:
        def attach(self, engine):
            engine.add_event_handler("own_event", lambda e: None)

    handler = StatsHandler(
        name="genaug", tag_name="loss", output_transform=from_engine(["loss"], first=True), iteration_print_logger=None
    )
    duel = engine(iterations=1, decollate=True, train_handlers=[handler, Late()], event_names=["own_event"])
    duel.run()
    assert duel.state.iteration == 1
    read = from_engine(["loss"], first=True)  # as MLFlowHandler does
    assert read(duel.state.output).item() == pytest.approx(1.5)


def test_networks_get_plain_tensors_which_are_faster():
    duel = engine(iterations=1)
    duel.data_loader[0] = {key: MetaTensor(value) for key, value in duel.data_loader[0].items()}
    duel.run()
    assert {type(part) for part in duel.seen.values()} == {torch.Tensor}


@pytest.mark.parametrize(("player", "iteration"), [("d", 3), ("g", 2)])
def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_all(player, iteration):
    duel, weights = engine(iterations=4), {}
    duel.poison_at = (player, iteration)

    @duel.on(Events.ITERATION_COMPLETED)
    def remember(engine):
        weights[engine.state.iteration] = (engine.g_network.weight.item(), engine.d_network.weight.item())

    with pytest.raises(NonFiniteLossError, match=rf"loss of {player} is not finite in iteration {iteration} .*nan"):
        duel.run()
    assert duel.g_network.weight.item() == weights[iteration - 1][0]
    assert torch.isfinite(duel.d_network.weight)
    assert all(p.requires_grad for p in duel.d_network.parameters())


def test_the_moving_average_follows_with_its_momentum():
    duel = engine(iterations=1, ema_momentum=0.25)
    duel.run()
    assert duel.ema_network.weight.item() == pytest.approx(0.25 * duel.g_network.weight.item())
    assert engine().ema_network is not duel.ema_network


def test_without_a_moving_average_the_network_itself_stands_in():
    duel = engine()
    assert duel.ema_network is duel.g_network


def test_the_discriminator_is_updated_in_every_nth_iteration_only():
    duel, moved, last = engine(iterations=6, d_interval=3), [], [0.0]

    @duel.on(Events.ITERATION_COMPLETED)
    def watch(engine):
        moved.append(engine.d_network.weight.item() != last[0])
        last[0] = engine.d_network.weight.item()

    duel.run()
    assert moved == [False, False, False, True, False, False]  # at iteration 1 its gradient is 0


def test_rare_updates_of_the_discriminator_start_again_with_each_epoch():
    duel, moved, last = engine(iterations=3, epochs=3, d_interval=2), [], [0.0]

    @duel.on(Events.ITERATION_COMPLETED)
    def watch(engine):
        moved.append(engine.d_network.weight.item() != last[0])
        last[0] = engine.d_network.weight.item()

    duel.run()
    assert moved == [False, False, True, True, False, True, True, False, True]  # at iteration 1 its gradient is 0


def test_the_parts_are_all_on_which_the_rest_of_a_training_depends():
    duel = engine(ema_momentum=0.1)
    assert set(duel.parts()) == {
        "g_network",
        "d_network",
        "g_optimizer",
        "d_optimizer",
        "g_scaler",
        "d_scaler",
        "ema_network",
    }
    assert "ema_network" not in engine().parts()
    assert duel.parts()["ema_network"] is duel.ema_network


def test_gradients_are_clipped_to_the_norm():
    duel = engine(iterations=1, max_grad_norm=0.01)
    duel.run()
    assert duel.g_network.weight.item() == pytest.approx(0.1 * 0.01, rel=1e-3)


def test_schedulers_step_once_an_epoch():
    duel = engine(iterations=2, epochs=3)
    scheduler = torch.optim.lr_scheduler.StepLR(duel.g_optimizer, 1, gamma=0.1)
    duel = Duel(
        device="cpu",
        max_epochs=3,
        train_data_loader=[{"image": torch.ones(1, 1, 2), "label": torch.ones(1, 1, 2)}] * 2,
        g_network=duel.g_network,
        d_network=duel.d_network,
        g_optimizer=duel.g_optimizer,
        d_optimizer=duel.d_optimizer,
        g_scheduler=scheduler,
    )
    duel.run()
    assert duel.g_optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.001)


def test_instance_noise_falls_linearly_to_nothing():
    duel, levels = engine(iterations=4, instance_noise=2.0), []
    torch.manual_seed(0)
    image = torch.zeros(1, 1, 64, 64)
    duel.add_event_handler(
        Events.ITERATION_COMPLETED, lambda e: levels.append(e.blur_for_discriminator(image).std().item())
    )
    duel.run()
    assert levels == pytest.approx([2.0, 1.5, 1.0, 0.5], rel=0.05)
    assert engine().blur_for_discriminator(image) is image


def test_autocast_runs_on_the_device_type_at_hand():
    types = []

    class Watch(Duel):
        def g_losses(self, tensors):
            types.append(torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype)
            return super().g_losses(tensors)

    base = engine(iterations=1)
    Watch(
        device="cpu",
        max_epochs=1,
        train_data_loader=base.data_loader,
        g_network=base.g_network,
        d_network=base.d_network,
        g_optimizer=base.g_optimizer,
        d_optimizer=base.d_optimizer,
        amp=True,
        amp_kwargs={"dtype": torch.bfloat16},
    ).run()
    assert types == [torch.bfloat16]
    assert base.g_network.weight.item() != 0


@pytest.mark.parametrize(
    "kwargs",
    [
        {"d_interval": 0},
        {"instance_noise": -1.0},
        {"max_grad_norm": 0.0},
        {"max_grad_norm": -1.0},
        {"ema_momentum": 1.5},
        {"epochs": 0},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs)).removeprefix("ema_")):
        engine(**kwargs)


def test_all_options_can_be_set_from_yaml(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("""
network:
  _target_: monai_genaug.networks.pix2pix_unet.Pix2PixUNet
  spatial_dims: 2
  in_channels: 1
  out_channels: 1
  levels: 2
  base_features: 4
generator:
  _target_: monai_genaug.generators.pix2pix.Pix2PixGenerator
  network: '@network'
  encoding: {_target_: monai_genaug.masks.encodings.BinaryEncoding}
discriminator:
  _target_: monai_genaug.training.discriminators.patch_discriminator
  spatial_dims: 2
  in_channels: 2
  base_features: 4
  layers: 1
g_optimizer: {_target_: torch.optim.Adam, params: '$@network.parameters()', lr: 0.0002, betas: [0.5, 0.999]}
d_optimizer: {_target_: torch.optim.Adam, params: '$@discriminator.parameters()', lr: 0.0002, betas: [0.5, 0.999]}
trainer:
  _target_: monai_genaug.training.pix2pix.Pix2PixEngine
  device: cpu
  max_epochs: 2
  train_data_loader:
    - {image: '$__import__("torch").rand(2, 1, 16, 16)', label: '$__import__("torch").ones(2, 1, 16, 16)'}
  generator: '@generator'
  discriminator: '@discriminator'
  adversarial_loss: {_target_: monai_genaug.losses.PatchGANLoss, kind: lsgan, label_smoothing: 0.1}
  lambda_l1: 50
  lambda_mode_seeking: 0.5
  g_optimizer: '@g_optimizer'
  d_optimizer: '@d_optimizer'
  g_scheduler: {_target_: monai_genaug.training.schedules.linear_decay, optimizer: '@g_optimizer', epochs: 2}
  d_scheduler: {_target_: monai_genaug.training.schedules.linear_decay, optimizer: '@d_optimizer', epochs: 2}
  ema_momentum: 0.01
  instance_noise: 0.1
  d_interval: 2
  max_grad_norm: 1.0
  amp: true
  amp_kwargs: {dtype: $__import__("torch").bfloat16}
""")
    trainer = ConfigParser(ConfigParser.load_config_file(path)).get_parsed_content("trainer")
    trainer.run()
    assert trainer.state.iteration == 2
    assert torch.isfinite(trainer.state.output["loss"])
    assert trainer.adversarial_loss.label_smoothing == 0.1
