"""Both stages of latent diffusion: each by itself, one after the other, and on after an interruption."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from monai_genaug import load_generator
from monai_genaug.generators import LatentDiffusionGenerator
from monai_genaug.masks import BinaryEncoding
from monai_genaug.networks import KLAutoencoder, LatentDiffusionUNet
from monai_genaug.networks.autoencoder import Reconstruction
from monai_genaug.phantoms import nuclei_phantom
from monai_genaug.training import (
    AutoencoderLoss,
    AutoencoderPrepareBatch,
    Checkpoint,
    DenoisingPrepareBatch,
    EpochSeeds,
    GeneratorSaver,
    MovingAverage,
    fit_scale,
)
from tests.processes import run_together


def build() -> LatentDiffusionGenerator:
    torch.manual_seed(0)
    autoencoder = KLAutoencoder(2, 1, channels=(4, 8), latent_channels=2, norm_groups=2)
    network = LatentDiffusionUNet(autoencoder, 1, channels=(4, 8), norm_groups=2)
    return LatentDiffusionGenerator(network, BinaryEncoding(), steps=2)


@cache
def batch() -> dict[str, Tensor]:
    """4 phantoms of 16 pixels a side."""
    made = [nuclei_phantom((16, 16), seed=seed, radius=4.0) for seed in range(4)]
    images, labels = zip(*((m.image, m.label.astype("int64")) for m in made), strict=True)
    return {
        name: torch.stack([*map(torch.from_numpy, parts)]) for name, parts in (("image", images), ("label", labels))
    }


class Stages(NamedTuple):
    """What a bundle's configs define."""

    generator: LatentDiffusionGenerator
    average: MovingAverage
    first: SupervisedTrainer
    second: SupervisedTrainer


def stages(epochs: tuple[int, int] = (2, 3), *handlers, wrap=lambda network: network, rows=slice(None)) -> Stages:
    """Build all of both stages before either is trained, as MONAI's parser does."""
    generator, loader = build(), [{name: part[rows] for name, part in batch().items()}] * 2
    autoencoder, denoiser = wrap(generator.network.autoencoder), wrap(generator.network.denoiser)
    average = MovingAverage(denoiser, momentum=0.1, whole=generator.network)
    first, second = (
        SupervisedTrainer(
            device="cpu",
            max_epochs=count,
            train_data_loader=loader,
            network=network,
            optimizer=torch.optim.Adam(network.parameters(), 3e-3),
            loss_function=loss,
            prepare_batch=prepare,
            train_handlers=[EpochSeeds(0, loader), *more],
        )
        for count, network, loss, prepare, more in (
            (epochs[0], autoencoder, AutoencoderLoss(), AutoencoderPrepareBatch(), ()),
            (epochs[1], denoiser, nn.MSELoss(), DenoisingPrepareBatch(generator), (average, *handlers)),
        )
    )
    return Stages(generator, average, first, second)


def run(folder: Path, parts: Stages) -> None:
    """Do what a bundle's `run` does."""
    network = parts.generator.network
    first = {"autoencoder": network.autoencoder, "optimizer": parts.first.optimizer}
    second = {"network": network, "average": parts.average.network, "optimizer": parts.second.optimizer}
    Checkpoint(folder / "autoencoder.pt", parts=first, identity={}).run(parts.first)
    fit_scale(network.autoencoder, parts.first.data_loader)
    Checkpoint(folder / "checkpoint.pt", parts=second, identity={}).run(parts.second)


def copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_loss_is_l1_and_the_divergence_per_value_of_the_image():
    torch.manual_seed(0)
    image, made = torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8)
    mean, log_variance = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    loss = AutoencoderLoss(kl_weight=0.1)(Reconstruction(made, mean, log_variance), image)
    divergence = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(loss, (made - image).abs().mean() + 0.1 * divergence / image.numel())


def test_a_negative_weight_of_the_divergence_is_refused():
    with pytest.raises(ValueError, match="kl_weight"):
        AutoencoderLoss(kl_weight=-1.0)


def test_a_batch_becomes_images_in_their_range_twice():
    image, target = AutoencoderPrepareBatch()(batch(), device="cpu")
    assert torch.equal(image, target)
    torch.testing.assert_close(image, 2 * batch()["image"] - 1)


def test_a_few_dozen_steps_more_than_halve_the_error_of_reconstruction():
    parts, image = stages((30, 1)), 2 * batch()["image"] - 1
    autoencoder = parts.generator.network.autoencoder
    before = (autoencoder.decode(autoencoder.encode(image)) - image).abs().mean()
    parts.first.run()
    assert (autoencoder.decode(autoencoder.encode(image)) - image).abs().mean() < 0.5 * before


def test_latents_get_mean_0_in_each_channel_and_unit_deviation_and_the_autoencoder_is_frozen():
    autoencoder = build().network.autoencoder.train()
    with torch.no_grad():
        autoencoder.quant_conv_mu.conv.bias.add_(torch.tensor([5.0, -3.0]))
    loader = [{"image": torch.rand(4, 1, 16, 16)} for _ in range(3)]
    fit_scale(autoencoder, loader)
    latents = torch.cat([autoencoder.encode(2 * part["image"] - 1) for part in loader])
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.square().mean(), torch.tensor(1.0), atol=1e-4, rtol=0)
    assert not any(parameter.requires_grad for parameter in autoencoder.parameters())
    assert not any(part.training for part in autoencoder.modules())


def test_measuring_again_gives_the_same_and_leaves_random_state_alone():
    autoencoder, found = build().network.autoencoder, []
    state = torch.get_rng_state()
    for _ in range(2):
        fit_scale(autoencoder, [batch()])
        found.append((autoencoder.shift.clone(), autoencoder.scale.clone()))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert torch.equal(torch.get_rng_state(), state)


def test_it_measures_the_first_batches_of_the_first_epoch():
    class Loader(list):
        epoch = 7

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

    one, other = build().network.autoencoder, build().network.autoencoder
    loader = Loader([{"image": value * torch.rand(2, 1, 8, 8)} for value in (1.0, 0.5, 0.1)])
    fit_scale(one, loader, batches=2)
    fit_scale(other, loader[:2])
    assert loader.epoch == 1
    assert torch.equal(one.scale, other.scale)


@pytest.mark.parametrize("wrong", ["constant", "nan"])
def test_latents_that_no_scale_makes_useful_are_refused(wrong: str):
    autoencoder = build().network.autoencoder
    with torch.no_grad():
        autoencoder.quant_conv_mu.conv.weight.fill_(0.0 if wrong == "constant" else float("nan"))
    with pytest.raises(ValueError, match=r"have the variance .*: train the autoencoder"):
        fit_scale(autoencoder, [batch()])


def test_a_loader_without_batches_is_refused():
    with pytest.raises(ValueError, match="nothing to measure"):
        fit_scale(build().network.autoencoder, [])
    with pytest.raises(ValueError, match="batches is 0"):
        fit_scale(build().network.autoencoder, [batch()], batches=0)


def test_the_second_stage_leaves_the_first_as_it_was(tmp_path):
    parts = stages()
    autoencoder, seen = parts.generator.network.autoencoder, {}

    def look(engine: SupervisedTrainer) -> None:
        seen["gradients"] = [parameter.grad for parameter in autoencoder.parameters() if parameter.requires_grad]
        seen["training"] = [part for part in autoencoder.modules() if part.training]
        seen["weights"] = seen.get("weights", copied(autoencoder))

    parts.second.add_event_handler(Events.EPOCH_COMPLETED, look)
    run(tmp_path, parts)
    assert not seen["gradients"]
    assert not seen["training"]
    assert equal(seen["weights"], copied(autoencoder))
    assert parts.generator.network.denoiser.training


def test_what_is_saved_has_the_trained_autoencoder_and_the_averaged_denoiser(tmp_path):
    parts = stages()
    GeneratorSaver(tmp_path / "saved", parts.generator).attach(parts.second)
    run(tmp_path, parts)
    network, saved = parts.generator.network, load_generator(tmp_path / "saved").network
    assert equal(copied(saved.autoencoder), copied(network.autoencoder))
    assert saved.autoencoder.scale != 1
    assert not equal(copied(saved.autoencoder), copied(build().network.autoencoder))
    assert equal(copied(saved.denoiser), copied(parts.average.network.denoiser))
    assert not equal(copied(saved.denoiser), copied(network.denoiser))


def test_the_average_follows_the_denoiser_iteration_by_iteration():
    parts = stages()
    trained, kept = (
        network.denoiser.unet.out[2].conv.bias for network in (parts.generator.network, parts.average.network)
    )
    expected = trained.detach().clone()

    def follow(engine: SupervisedTrainer) -> None:
        expected.lerp_(trained.detach(), engine.state.ema_momentum)

    parts.second.add_event_handler(Events.ITERATION_COMPLETED, follow)
    parts.second.run()
    torch.testing.assert_close(kept, expected)
    assert not torch.equal(kept, trained)


def test_an_average_of_what_is_no_part_is_refused():
    with pytest.raises(ValueError, match=r"network is a Linear, expected one of the parts.*denoiser, autoencoder"):
        MovingAverage(nn.Linear(1, 1), momentum=0.1, whole=build().network)


class StoppedError(Exception):
    """The power went."""


@pytest.mark.parametrize(("stage", "epoch"), [("first", 2), ("second", 1), ("second", 2), ("second", 3)])
def test_a_training_that_was_stopped_in_an_epoch_ends_as_one_that_was_not(tmp_path, stage: str, epoch: int):
    def stop(engine: SupervisedTrainer) -> None:
        if engine.state.epoch == epoch:
            raise StoppedError

    whole, stopped, resumed = stages(), stages(), stages()
    run(tmp_path / "whole", whole)
    getattr(stopped, stage).add_event_handler(Events.ITERATION_COMPLETED, stop)
    with pytest.raises(StoppedError):
        run(tmp_path / "stopped", stopped)
    torch.manual_seed(5)
    run(tmp_path / "stopped", resumed)
    assert equal(copied(resumed.average.network), copied(whole.average.network))
    assert equal(copied(resumed.generator.network), copied(whole.generator.network))


def test_a_finished_training_is_left_as_it_is(tmp_path):
    finished, again = stages(), stages()
    run(tmp_path, finished)
    again.second.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: pytest.fail("it trains"))
    run(tmp_path, again)
    assert equal(copied(again.average.network), copied(finished.average.network))


def test_the_second_checkpoint_keeps_the_autoencoder_that_its_denoiser_was_trained_with(tmp_path):
    finished, again = stages(), stages((1, 3))
    run(tmp_path, finished)
    for file in tmp_path.glob("autoencoder*.pt"):
        file.unlink()
    run(tmp_path, again)  # trains another autoencoder first
    assert equal(copied(again.generator.network), copied(finished.generator.network))


def _train_together(rank: int, folder: Path) -> list[float]:
    parts = stages(wrap=nn.parallel.DistributedDataParallel, rows=slice(rank, None, 2))
    run(folder, parts)
    return [float(value.double().sum()) for value in parts.average.network.state_dict().values()]


def test_two_processes_end_with_equal_weights_and_an_equal_scale(tmp_path):
    answers = run_together(_train_together, tmp_path)
    assert answers[0] == answers[1]
