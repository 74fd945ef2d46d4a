"""Segmenters and generators that lie in an output folder."""

from __future__ import annotations

import shutil

import pytest
import torch

from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.scores import score_segmenter
from monai_genaug.benchmark.grid.trained import find_generator, find_segmenter
from monai_genaug.generators import load_generator
from tests.benchmark.grid.test_recipes import open_kitchen

NAMES = ["pix2pix", "edits", "backgrounds"]


def cell(name: str | None) -> Cell:
    arm, share = ("classic", 0.0) if name is None else ("classic+genaug", 0.3)
    return Cell("phantoms", 2, 0, "unet", arm, name, share)


def test_a_segmenter_is_given_back_with_its_scores(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    trained, found = kitchen.segmenter(cell(None)), find_segmenter(kitchen, cell(None))
    scores = [
        score_segmenter(one, kitchen.block.dataset.test, instances=True, tolerance=2.0) for one in (trained, found)
    ]
    assert scores[0] == scores[1]


def test_a_generator_is_the_one_that_the_segmenter_was_trained_with(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    for name in NAMES:
        kitchen.segmenter(cell(name))
    for name in NAMES:
        expected = load_generator(kitchen.generator(name, "unet").folder).state_dict()
        found = find_generator(kitchen, cell(name)).state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in found)


def test_what_is_gone_is_not_trained_again(root, tmp_path, monkeypatch):
    kitchen = open_kitchen(root, tmp_path)
    kitchen.segmenter(cell("pix2pix"))
    monkeypatch.setattr("monai_genaug.training.bundle.ConfigWorkflow", lambda **_: pytest.fail("something is trained"))
    shutil.rmtree(kitchen.block.folder / "generators")
    assert find_segmenter(kitchen, cell("pix2pix")) is not None
    assert find_generator(kitchen, cell("pix2pix")) is None
    shutil.rmtree(kitchen.block.folder / "segmenters")
    assert find_segmenter(kitchen, cell("pix2pix")) is None
    assert find_generator(kitchen, cell("pix2pix")) is None


def test_damaged_files_are_named(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    kitchen.segmenter(cell(None))
    [folder] = (kitchen.block.folder / "segmenters").iterdir()
    for name in ("checkpoint.pt", "models/model.pt"):
        (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(ValueError, match=r"model.pt cannot be read"):
        find_segmenter(kitchen, cell(None))
    with pytest.raises(ValueError, match=r"checkpoint.pt cannot be read"):
        find_generator(kitchen, cell(None))
