from __future__ import annotations

from functools import cache

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch import nn

from monai_genaug import load_generator
from monai_genaug.generators import DiffusionGenerator, RectifiedFlowGenerator
from monai_genaug.generators.denoising import DenoisingGenerator
from monai_genaug.masks import BinaryEncoding
from monai_genaug.networks import DiffusionUNet
from monai_genaug.phantoms import nuclei_phantom
from monai_genaug.training import Checkpoint, DenoisingPrepareBatch, EpochSeeds, GeneratorSaver, MovingAverage

WAYS = {
    "v": (DiffusionGenerator, {"prediction": "v", "steps": 5}),
    "epsilon": (DiffusionGenerator, {"prediction": "epsilon", "schedule": "linear", "steps": 5}),
    "flow": (RectifiedFlowGenerator, {}),
}


def build(way: str = "v") -> DenoisingGenerator:
    torch.manual_seed(0)
    family, settings = WAYS[way]
    return family(DiffusionUNet(2, 1, 1, channels=(8, 16), norm_groups=4), BinaryEncoding(), **settings)


@cache
def phantoms() -> list[dict[str, torch.Tensor]]:
    """One batch of 4 phantoms of 16 pixels a side."""
    made = [nuclei_phantom((16, 16), seed=seed, radius=4.0) for seed in range(4)]
    parts = zip(*((torch.from_numpy(m.image), torch.from_numpy(m.label.astype("int64"))) for m in made), strict=True)
    return [dict(zip(("image", "label"), map(torch.stack, parts), strict=True))]


def trainer(generator: DenoisingGenerator, epochs: int, *handlers, lr: float = 3e-3) -> SupervisedTrainer:
    loader = phantoms()
    return SupervisedTrainer(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=loader,
        network=generator.network,
        optimizer=torch.optim.Adam(generator.network.parameters(), lr),
        loss_function=nn.MSELoss(),
        prepare_batch=DenoisingPrepareBatch(generator),
        train_handlers=[EpochSeeds(0, loader), *handlers],
    )


def mean_loss(generator: DenoisingGenerator, draws: int = 10) -> float:
    torch.manual_seed(1)
    prepare, losses = DenoisingPrepareBatch(generator), []
    with torch.no_grad():
        for _ in range(draws):
            condition, target, (x, time), _ = prepare(phantoms()[0], device="cpu")
            losses.append(nn.functional.mse_loss(generator.network(condition, x, time), target))
    return float(torch.stack(losses).mean())


@pytest.mark.parametrize("way", WAYS)
def test_a_few_dozen_steps_more_than_halve_the_loss(way: str):
    generator = build(way)
    before = mean_loss(generator)
    trainer(generator, 40).run()
    assert mean_loss(generator) < 0.5 * before


def test_a_batch_becomes_condition_target_and_noisy_images():
    generator, batch = build("flow"), phantoms()[0]
    torch.manual_seed(0)
    condition, target, (x, time), named = DenoisingPrepareBatch(generator)(batch, device="cpu")
    assert torch.equal(condition, (batch["label"] > 0).float())
    assert named == {}
    image = x + time.reshape(-1, 1, 1, 1) * target  # along the path, back to its end
    torch.testing.assert_close(image, 2 * batch["image"] - 1)


def test_times_and_noise_of_an_epoch_depend_on_the_seed_alone():
    weights = []
    for _ in range(2):
        generator = build()
        torch.rand(3)
        trainer(generator, 2).run()
        weights.append(generator.network.conv_in.conv.weight.detach().clone())
    assert torch.equal(*weights)


def test_what_is_saved_is_the_moving_average(tmp_path):
    generator = build()
    average = MovingAverage(generator.network, momentum=0.01)
    trainer(generator, 4, average, GeneratorSaver(tmp_path, generator)).run()
    loaded = load_generator(tmp_path)
    trained, kept = generator.network.out[2].conv.bias, average.network.out[2].conv.bias
    assert torch.equal(loaded.network.out[2].conv.bias, kept)
    assert not torch.equal(kept, trained)


def test_the_average_forgets_first_weights_and_then_follows_its_momentum():
    network = nn.Linear(1, 1, bias=False)
    average = MovingAverage(network, momentum=0.2)
    engine = SupervisedTrainer(
        device="cpu",
        max_epochs=1,
        train_data_loader=range(60),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), 0.0),
        loss_function=nn.MSELoss(),
        iteration_update=lambda engine, batch: network.weight.data.fill_(float(batch)),
        train_handlers=[average],
        decollate=False,
    )
    expected, network.weight.data[:] = 1e6, 1e6
    engine.run()
    for iteration in range(1, 61):
        momentum = max(0.2, 10 / (iteration + 9))
        expected += momentum * (iteration - 1 - expected)
    assert average.network.weight.item() == pytest.approx(expected)
    assert engine.state.ema_momentum == 0.2


def test_a_resumed_training_ends_as_one_that_was_never_stopped(tmp_path):
    ends = []
    for stops in ((4,), (2, 4)):
        for epochs in stops:
            generator = build()
            average = MovingAverage(generator.network, momentum=0.01)
            engine = trainer(generator, epochs, average)
            parts = {"network": generator.network, "average": average.network, "optimizer": engine.optimizer}
            Checkpoint(tmp_path / f"{len(stops)}/checkpoint.pt", parts=parts, identity={}).run(engine)
        ends.append(average.network.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_momentum_out_of_range_is_refused():
    with pytest.raises(ValueError, match="momentum"):
        MovingAverage(nn.Linear(1, 1), momentum=0.0)
