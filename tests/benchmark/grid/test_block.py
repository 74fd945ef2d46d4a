"""Which images count as labelled, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_genaug.benchmark.grid.block import Block, Dataset
from monai_genaug.benchmark.grid.plan import DatasetPlan, GeneratorPlan
from monai_genaug.data import load_datalist
from monai_genaug.masks import ProceduralNuclei
from monai_genaug.masks.bank import load_bank
from monai_genaug.phantoms import write_nuclei_dataset


@pytest.fixture
def dataset(root: Path) -> Dataset:
    return Dataset("phantoms", DatasetPlan(path="data"), root)


def names(entries: list[dict]) -> list[str]:
    return [entry["image"] for entry in entries]


@pytest.mark.parametrize(("labelled", "count"), [(2, 2), (0.5, 3), (0.01, 1), ("all", 6)])
def test_so_many_images_are_labelled_and_the_others_are_not(dataset, tmp_path, labelled, count):
    block = Block(dataset, labelled, 0, tmp_path)
    assert len(block.labelled) == count
    assert sorted(names(block.labelled) + names(block.unlabelled)) == sorted(names(dataset.training))
    assert all(entry.keys() == {"image"} for entry in block.unlabelled)


def test_each_seed_draws_other_images_and_more_labels_keep_the_fewer_ones(dataset, tmp_path):
    drawn = [names(Block(dataset, 3, seed, tmp_path).labelled) for seed in range(6)]
    assert len({frozenset(part) for part in drawn}) > 1
    assert names(Block(dataset, 2, 0, tmp_path).labelled) == drawn[0][:2]


def test_nothing_of_a_block_is_of_the_test_split(dataset, root, tmp_path):
    test = names(load_datalist(root / "data")["test"])
    for seed in range(5):
        block = Block(dataset, "all", seed, tmp_path)
        assert not set(test) & set(names(block.labelled) + names(block.unlabelled))


def test_blocks_of_other_images_have_other_folders_and_digests(dataset, tmp_path):
    blocks = [Block(dataset, 2, seed, tmp_path) for seed in range(4)]
    assert len({block.folder for block in blocks}) == 4
    assert len({block.digest for block in blocks}) == len({frozenset(names(block.labelled)) for block in blocks})
    assert Block(dataset, 2, 0, tmp_path).digest == blocks[0].digest


def test_samplers_are_fitted_to_the_labelled_images_alone(dataset, tmp_path):
    block = Block(dataset, 2, 0, tmp_path)
    areas = sorted(
        int((item["label"] == value).sum()) for item in block.items for value in item["label"].unique() if value
    )
    assert sorted(load_bank(block.bank).store.areas.tolist()) == areas
    own = ProceduralNuclei.fit([item["label"] for item in block.items])
    own.save(tmp_path / "own.json")
    assert block.procedural.read_bytes() == (tmp_path / "own.json").read_bytes()


@pytest.mark.parametrize("masks", ["bank", "procedural", "deformation"])
def test_samplers_are_described_as_configs_do(dataset, tmp_path, masks):
    from monai.bundle import ConfigParser

    config = {"sampler": Block(dataset, 2, 0, tmp_path).sampler(GeneratorPlan(bundle="nuclei_pix2pix", masks=masks))}
    sampler = ConfigParser(config).get_parsed_content("sampler").set_random_state(seed=0)
    assert sampler(torch.zeros(1, 32, 32, dtype=torch.int64)).shape == (1, 32, 32)


def test_more_labels_than_there_are_images_are_refused(dataset, tmp_path):
    with pytest.raises(ValueError, match="has 6 training images, expected the 7 of labelled"):
        Block(dataset, 7, 0, tmp_path)


def test_a_data_set_without_test_images_is_refused(tmp_path):
    write_nuclei_dataset(tmp_path / "data", counts={"training": 2}, spatial_size=(32, 32))
    with pytest.raises(ValueError, match="has no test images"):
        Dataset("phantoms", DatasetPlan(path="data"), tmp_path)


def test_a_data_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Dataset("phantoms", DatasetPlan(path="nowhere"), tmp_path)
