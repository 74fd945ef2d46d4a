from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer, Trainer
from PIL import Image
from torch import nn

from monai_genaug import ModuleGenerator, load_generator
from monai_genaug.generators import ConditionalGenerator, Pix2PixGenerator
from monai_genaug.masks import BinaryEncoding
from monai_genaug.networks import NoiseMaps, Pix2PixUNet
from monai_genaug.training import EpochSeeds, GeneratorSaver, NonFiniteLossError, SampleGrid, as_floats, seed_weights
from monai_genaug.training.handlers import NetworkSaver, ProgressHandler, StopOnNonFinite, fit_metadata
from tests.helpers import blobs, build


class Engine(Trainer):
    """Trains nothing; draws from torch's global generator in each iteration."""

    def __init__(self, handlers: list[Any], *, epochs: int = 2, network: nn.Module | None = None) -> None:
        super().__init__(device=torch.device("cpu"), max_epochs=epochs, data_loader=[0, 1, 2])
        self.ema_network, self.drawn = network or nn.Identity(), []
        for handler in handlers:
            handler.attach(self)

    def _iteration(self, engine, batchdata) -> dict[str, torch.Tensor]:
        self.drawn.append(torch.rand(()).item())
        return {"loss": torch.tensor(float(self.state.iteration)), "image": torch.zeros(2, 2)}


class Loader(list):
    """Notes which epochs it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)


@pytest.fixture(autouse=True)
def _random_state():
    with torch.random.fork_rng():
        yield


def test_each_epoch_draws_from_seed_and_epoch_alone():
    def run(seed: int, epochs: int = 2, skip: int = 0) -> list[float]:
        engine = Engine([EpochSeeds(seed, [])], epochs=epochs)
        engine.state.epoch, engine.state.iteration, engine.state.epoch_length = skip, 3 * skip, 3
        torch.rand(seed + 3)
        engine.run()
        return engine.drawn

    whole = run(0)
    assert run(0) == whole
    assert run(0, skip=1) == whole[3:]
    assert len(set(whole + run(1))) == 12


def test_each_process_draws_its_own(monkeypatch):
    drawn = []
    for rank in (0, 1):
        monkeypatch.setattr("monai_genaug.training.handlers.process_rank", lambda rank=rank: rank)
        engine = Engine([EpochSeeds(0, [])])
        engine.run()
        drawn += engine.drawn
    assert len(set(drawn)) == 12


def test_a_loader_is_told_of_the_epoch_if_it_listens():
    loader = Loader()
    Engine([EpochSeeds(0, loader), EpochSeeds(0, [])]).run()
    assert loader.epochs == [1, 2]


def test_first_weights_follow_the_seed_and_differ_from_the_first_epochs_noise():
    drawn = []
    for seed in (0, 0, 1):
        seed_weights(seed)
        drawn.append(torch.rand(()).item())
    assert drawn[0] == drawn[1] != drawn[2]
    engine = Engine([EpochSeeds(0, [])])
    engine.run()
    assert drawn[0] not in engine.drawn


def test_the_generator_is_saved_after_every_epoch_with_the_averaged_weights(tmp_path):
    generator, averaged, saved = build(), build(), []
    engine = Engine([GeneratorSaver(tmp_path, generator, notes={"family": "pix2pix"})], network=averaged.network)
    engine.add_event_handler(
        Events.EPOCH_COMPLETED,
        lambda e: saved.append(json.loads((tmp_path / "configs/metadata.json").read_text())["training"]),
    )
    engine.run()
    assert [(note["family"], note["epoch"], note["losses"]) for note in saved] == [
        ("pix2pix", 1, {"loss": 3.0}),
        ("pix2pix", 2, {"loss": 6.0}),
    ]
    loaded = load_generator(tmp_path).get_submodule("network").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in averaged.network.state_dict().items())
    assert not torch.equal(loaded["last.1.weight"], generator.network.state_dict()["last.1.weight"])


class ForeignNet(nn.Module):
    """A network that is not of this package."""

    spatial_dims, in_channels, out_channels, stride, least_size = 2, 1, 1, 1, 1
    noise, styles = NoiseMaps(0, 0, 1), None


class ForeignGenerator(ConditionalGenerator):
    """A family that is not of this package."""

    def __init__(self) -> None:
        super().__init__(spatial_dims=2, image_channels=1, encoding=BinaryEncoding())

    def generate(self, condition, *, seeds):
        return condition


class OwnUNet(Pix2PixUNet):
    """A user's change of this package's network."""


FOREIGN = {
    "module": lambda: ModuleGenerator(nn.Identity(), spatial_dims=2, image_channels=1, encoding=BinaryEncoding()),
    "network": lambda: Pix2PixGenerator(ForeignNet(), BinaryEncoding()),
    "subclass": lambda: Pix2PixGenerator(OwnUNet(2, 1, 1, levels=2, base_features=4), BinaryEncoding()),
    "family": ForeignGenerator,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_generator_that_could_not_be_loaded_again_is_refused_at_once(tmp_path, kind):
    with pytest.raises(ValueError, match=r"cannot be (saved|written)"):
        GeneratorSaver(tmp_path / "out", FOREIGN[kind]())
    assert not (tmp_path / "out").exists()


METADATA = {
    "name": "a",
    "training": {"epoch": 7},
    "network_data_format": {
        "inputs": {"image": {"type": "image", "num_channels": 1, "channel_def": {"0": "nuclei"}}},
        "outputs": {"pred": {"num_channels": 1, "spatial_shape": ["32*n"], "channel_def": {"0": "dapi"}}},
    },
}


def test_metadata_get_the_channels_and_dimensions_that_were_trained():
    fitted = fit_metadata(METADATA, build(spatial_dims=3, num_classes=2))
    assert (fitted["name"], "training" in fitted) == ("a", False)
    assert fitted["network_data_format"]["inputs"]["image"] == {
        "type": "image",
        "num_channels": 2,
        "spatial_shape": ["4*n"] * 3,
        "channel_def": {"0": "channel 0", "1": "channel 1"},
    }
    assert fitted["network_data_format"]["outputs"]["pred"]["channel_def"] == {"0": "dapi"}
    assert METADATA["network_data_format"]["outputs"]["pred"]["spatial_shape"] == ["32*n"]


def test_metadata_without_a_data_format_stay():
    assert fit_metadata({"name": "a"}, build()) == {"name": "a"}


def items(size: tuple[int, ...] = (20, 24), channels: int = 1, count: int = 3) -> list[dict[str, torch.Tensor]]:
    labels = [blobs(size, seed) for seed in range(count)]
    return [{"image": torch.rand(channels, *size), "label": label} for label in labels]


def test_pictures_are_written_every_few_epochs_and_after_the_last(tmp_path):
    generator = build()
    handler = SampleGrid(tmp_path, generator, items(), interval=2)
    Engine([handler], epochs=5, network=generator.network).run()
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "epoch_0002.png",
        "epoch_0004.png",
        "epoch_0005.png",
    ]


def test_a_picture_has_a_row_for_each_label_with_the_real_image_and_one_for_each_seed(tmp_path):
    generator, averaged, data = build(), build(), items()
    Engine([SampleGrid(tmp_path, generator, data, rows=2, seeds=3)], network=averaged.network).run()
    pixels = np.asarray(Image.open(tmp_path / "samples/epoch_0002.png"))
    assert pixels.shape == (2 * 20 + 4, 5 * 24 + 4 * 4, 3)
    averaged_generator = Pix2PixGenerator(averaged.network, BinaryEncoding())
    for row, item in enumerate(data[:2]):
        top = row * 24
        expected = (item["image"][0] * 255).round().byte().numpy()
        np.testing.assert_array_equal(pixels[top : top + 20, 28:52, 0], expected)
        made = averaged_generator.sample(averaged_generator.encode(item["label"][None]), seeds=[2])[0, 0]
        expected = (made * 255).round().numpy()
        np.testing.assert_allclose(pixels[top : top + 20, 112:136, 0], expected, atol=1)


@pytest.mark.parametrize(
    ("size", "kwargs"),
    [((9, 10, 7), {"spatial_dims": 3}), ((20, 24), {"image_channels": 3}), ((20, 24), {"num_classes": 2})],
    ids=["3d", "colour", "one-hot"],
)
def test_every_kind_of_generator_is_pictured(tmp_path, size, kwargs):
    generator = build(**kwargs)
    data = items(size, generator.image_channels, count=1)
    Engine([SampleGrid(tmp_path, generator, data)], epochs=1, network=generator.network).run()
    assert Image.open(tmp_path / "samples/epoch_0001.png").size == (5 * size[1] + 16, size[0])


def test_labels_without_images_are_pictured_too(tmp_path):
    generator = build()
    data = [{"label": item["label"]} for item in items(count=1)]
    Engine([SampleGrid(tmp_path, generator, data)], epochs=1, network=generator.network).run()
    assert Image.open(tmp_path / "samples/epoch_0001.png").size == (4 * 24 + 12, 20)


def test_pictures_leave_the_trained_network_alone(tmp_path):
    generator = build().train()
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    Engine([SampleGrid(tmp_path, generator, items())], network=generator.network).run()
    assert generator.network.training
    assert all(torch.equal(value, before[key]) for key, value in generator.state_dict().items())


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"image": torch.rand(3, 8, 8), "label": blobs((8, 8), 0)}, r"shape \(3, 8, 8\), expected \(1, 8, 8\)"),
        ({"image": torch.rand(1, 8, 9), "label": blobs((8, 8), 0)}, r"shape \(1, 8, 9\), expected \(1, 8, 8\)"),
        ({"label": blobs((8, 8), 0, values=3)}, "label holds the value 3"),
    ],
    ids=["channels", "size", "class"],
)
def test_what_cannot_be_pictured_is_refused_before_the_first_epoch(tmp_path, item, message):
    generator = build(num_classes=2)
    engine = Engine([SampleGrid(tmp_path, generator, [*items(), item], interval=2)], network=generator.network)
    with pytest.raises(ValueError, match=message):
        engine.run()
    assert engine.drawn == []


@pytest.mark.parametrize("name", ["interval", "rows", "seeds"])
def test_pictures_that_would_show_nothing_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f"^sample_{name} is 0, expected at least 1"):
        SampleGrid(tmp_path, build(), items(), **{name: 0})


def test_progress_is_told_of_all_scalars():
    told = []
    Engine([ProgressHandler(lambda *what: told.append(what))]).run()
    assert told == [(number, 6, {"loss": float(number)}) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"a": torch.tensor(1.5), "b": 2, "c": "text", "d": torch.zeros(1), "e": None}, {"a": 1.5, "b": 2.0}),
        ([{"a": torch.tensor(1.5)}, {"a": torch.tensor(9.0)}], {"a": 1.5}),
        ([], {}),
        (None, {}),
        (torch.tensor(1.0), {}),
        ({"a": torch.tensor(1.0, requires_grad=True)}, {"a": 1.0}),
    ],
    ids=["scalars", "decollated", "empty", "none", "tensor", "with graph"],
)
def test_the_scalars_of_an_output_become_numbers(output, expected):
    assert as_floats(output) == expected


def supervised(loss: float, handlers: list[Any], network: nn.Module) -> SupervisedTrainer:
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=[{"image": torch.ones(1, 1), "label": torch.ones(1, 1)}],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), 0.1),
        loss_function=lambda pred, label: loss * pred.sum(),
        decollate=False,
    )
    for handler in handlers:
        handler.attach(trainer)
    return trainer


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_supervised_training_stops_before_a_loss_that_is_not_finite_changes_weights(tmp_path, loss):
    network = nn.Linear(1, 1)
    nn.init.ones_(network.weight)
    nn.init.zeros_(network.bias)
    saver = NetworkSaver(tmp_path / "model.pt", network)
    with pytest.raises(NonFiniteLossError, match=rf"the loss is {loss:g} in iteration 1 \(epoch 1\)"):
        supervised(loss, [StopOnNonFinite(), saver], network).run()
    assert network.weight.item() == 1.0
    assert not (tmp_path / "model.pt").exists()


def test_a_networks_weights_are_saved_after_every_epoch(tmp_path):
    network = nn.Linear(1, 1)
    supervised(1.0, [StopOnNonFinite(), NetworkSaver(tmp_path / "models/model.pt", network)], network).run()
    saved = torch.load(tmp_path / "models/model.pt", weights_only=True)
    assert torch.equal(saved["weight"], network.weight)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["model.pt"]
