"""Synthetic pairs that are written ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from monai_genaug.benchmark.grid import pairs
from monai_genaug.benchmark.grid.pairs import write_pairs
from monai_genaug.data import load_items, read_array
from monai_genaug.generators import ModuleGenerator
from monai_genaug.masks import BinaryEncoding, LabelDeformation, ProceduralNuclei
from monai_genaug.quality import Gate


class Refusing(Gate):
    """Lets every second image through, or none."""

    def __init__(self, none: bool = False) -> None:
        super().__init__()
        self.none, self.calls = none, 0

    @property
    def identity(self) -> str:
        return "refusing"

    def judge(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return torch.tensor([not self.none and self.calls % 2 == 0])


@pytest.fixture(autouse=True)
def generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image is its mask; `channels` and `dims` are told by the folder's name."""

    def load(folder: Path, device: str) -> ModuleGenerator:
        dims, channels = map(int, folder.name.split("_"))
        repeat = nn.Conv3d if dims == 3 else nn.Conv2d
        network = repeat(1, channels, 1, bias=False)
        nn.init.ones_(network.weight)
        return ModuleGenerator(
            network, spatial_dims=dims, image_channels=channels, encoding=BinaryEncoding(), output_range=(0, 1)
        )

    monkeypatch.setattr(pairs, "load_generator", load)
    monkeypatch.setattr(pairs, "digest_generator", lambda folder: f"digest of {folder.name}")


def write(folder: Path, name: str = "2_1", shapes=((24, 32),), **options) -> list[dict]:
    sampler, channels = ProceduralNuclei(radius=4.0), int(name[-1])
    items = [{"image": torch.rand(channels, *shape)} for shape in shapes]
    return write_pairs(folder, Path(name), sampler, items, **{"count": 3, "seed": 0, **options})


def test_masks_are_new_and_images_are_made_of_them(tmp_path):
    items = load_items(write(tmp_path / "a"))
    assert len(items) == 3
    assert len({item["label"].numpy().tobytes() for item in items}) == 3
    for item in items:
        assert torch.equal(item["image"] > 0.5, item["label"] > 0)


def test_a_pair_hangs_on_its_number_and_seed_alone(tmp_path):
    first, more, other = (
        [(tmp_path / name / entry[key]).read_bytes() for entry in found for key in ("image", "label")]
        for name, found in (
            ("a", write(tmp_path / "a")),
            ("b", write(tmp_path / "b", count=4)),
            ("c", write(tmp_path / "c", seed=1)),
        )
    )
    assert more[: len(first)] == first
    assert not set(first) & set(other)


def test_what_is_there_is_read_and_not_made_again(tmp_path, monkeypatch):
    before = write(tmp_path / "a")
    monkeypatch.setattr(pairs, "load_generator", lambda *_: pytest.fail("made again"))
    assert write(tmp_path / "a") == before


def test_what_was_stopped_half_way_is_made_again(tmp_path):
    def stop(done: int, total: int, losses: dict) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", progress=stop)
    assert len(write(tmp_path / "a")) == 3


def test_sizes_are_those_of_the_images_in_turn_but_not_beyond_a_limit(tmp_path, monkeypatch):
    monkeypatch.setitem(pairs.LONGEST, 2, 40)
    found = load_items(write(tmp_path / "a", shapes=[(24, 32), (24, 500)]))
    assert [tuple(item["image"].shape[1:]) for item in found] == [(24, 32), (24, 40), (24, 32)]


@pytest.mark.parametrize(("name", "suffix"), [("2_1", ".png"), ("2_3", ".png"), ("2_2", ".tif"), ("3_1", ".tif")])
def test_channels_and_dimensions_are_kept(tmp_path, name, suffix):
    dims, channels = map(int, name.split("_"))
    for entry in write(tmp_path / "a", name, shapes=[(16, 24, 12)[:dims]]):
        image = read_array(entry["image"])[0]
        assert entry["image"].endswith(suffix)
        assert image.shape == (channels, *(16, 24, 12)[:dims])
        assert read_array(entry["label"])[0].dtype == np.uint16


def test_what_samplers_bend_and_generators_edit_is_a_window_of_the_item(tmp_path, monkeypatch):
    monkeypatch.setitem(pairs.LONGEST, 2, 16)
    label = torch.arange(1, 1 + 24 * 32).reshape(1, 24, 32)
    item = {"image": torch.zeros(1, 24, 32), "label": label}
    sampler = LabelDeformation(rotate=0.0, scale=(1.0, 1.0), elastic=0.0, flip=0.0)
    written = write_pairs(tmp_path / "a", Path("2_1"), sampler, [item], count=4, seed=0)
    corners = set()
    for found in load_items(written):
        assert found["label"].shape == (1, 16, 16)
        row, column = divmod(int(found["label"].min()) - 1, 32)
        assert torch.equal(found["label"], label[:, row : row + 16, column : column + 16])
        corners.add((row, column))
    assert len(corners) > 1


def test_what_a_gate_refuses_is_left_out(tmp_path):
    gate = Refusing()
    found = write(tmp_path / "a", accept=gate)
    assert len(found) == 3  # each at the second try
    assert gate.rate == pytest.approx(0.5)
    assert (gate.filled, gate.requested) == (3, 3)


def test_a_gate_that_refuses_all_is_said(tmp_path):
    with pytest.raises(ValueError, match="the gates let none of 3 synthetic pairs through"):
        write(tmp_path / "a", accept=Refusing(none=True))
