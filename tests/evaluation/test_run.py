"""Folders in, three files out."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch

from monai_genaug.benchmark.segmentation import train_segmenter
from monai_genaug.data import load_datalist
from monai_genaug.evaluation import evaluate_folders
from tests.evaluation.test_evaluate import Bright
from tests.helpers import write_pairs

UNET = {"features": [4, 8], "crop_size": 16, "batch_size": 4, "epochs": 1, "iterations_per_epoch": 30}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    return write_pairs(tmp_path / "real", 4), write_pairs(tmp_path / "synthetic", 5), tmp_path / "out"


def test_three_files_say_the_same(folders):
    files = evaluate_folders(*folders, seed=3)
    content = json.loads(files.results.read_text())
    assert content["counts"]["synthetic"] == 5
    assert content["settings"]["synthetic"] == str(folders[1])
    assert content["machine"]["monai_genaug"]
    assert content["masks"]["synthetic"]["dice"]["n"] == 5
    table, page = files.table.read_text(), files.report.read_text()
    for text in (table, page):
        assert "4 real images of 20x24, 5 synthetic images of 20x24." in text
        assert "Masks found again" in text
    assert "| KID" in table
    assert sorted(path.name for path in folders[2].iterdir()) == ["report.html", "results.json", "table.md"]


def test_the_command_in_the_report_is_the_one_that_makes_it(folders, tmp_path):
    unseen = write_pairs(tmp_path / "unseen", 3)
    files = evaluate_folders(*folders, held_out=unseen, crop=16, pair_names=False, nearest=7)
    line = files.report.read_text().split("<code>")[1].split("</code>")[0]
    words = shlex.split(line)
    assert words[:4] == ["monai-genaug", "evaluate", str(folders[0]), str(folders[1])]
    for option, value in {"--out": folders[2], "--held-out": unseen, "--crop": 16, "--nearest": 7}.items():
        assert words[words.index(option) + 1] == str(value)
    assert words[-1] == "--no-pairs"


def test_an_earlier_evaluation_is_replaced_and_equal_ones_are_equal(folders):
    texts = [[path.read_text() for path in evaluate_folders(*folders)[1:]] for _ in range(2)]
    assert texts[0] == texts[1]


def test_masks_and_a_segmenter_are_used(folders, tmp_path):
    real, synthetic, out = folders
    entries = load_datalist(real, fractions=(1, 0, 0))["training"]
    train_segmenter(entries, {**UNET, "learning_rate": 0.01}, output_dir=tmp_path / "unet", seed=0)
    files = evaluate_folders(
        real, synthetic / "images", out, masks=synthetic / "labels", segmenter=tmp_path / "unet", pair_names=False
    )
    agreement = files.result.agreement
    assert agreement.method == "the trained network"
    assert (agreement.synthetic["dice"].n, agreement.real["dice"].n) == (5, 4)
    assert agreement.synthetic["dice"].mean > 0.9


def test_a_classifier_is_read_from_a_file(folders, tmp_path):
    torch.jit.trace(Bright(), torch.rand(2, 1, 20, 24)).save(tmp_path / "bright.pt")
    files = evaluate_folders(*folders, classifier=tmp_path / "bright.pt")
    assert files.result.classes.classes == 2


def test_features_of_a_file_are_used(folders, tmp_path):
    torch.jit.trace(Bright(), torch.rand(2, 1, 20, 24)).save(tmp_path / "bright.pt")
    random, own = (evaluate_folders(*folders, features=name) for name in ("random", str(tmp_path / "bright.pt")))
    assert random.result.distribution[0].value != own.result.distribution[0].value


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"masks": "nowhere"}, FileNotFoundError, "nowhere does not exist"),
        ({"held_out": "nowhere"}, FileNotFoundError, "nowhere does not exist"),
        ({"segmenter": "nowhere"}, FileNotFoundError, "nowhere/models/model.pt does not exist"),
        ({"classifier": "random"}, FileNotFoundError, "random does not exist, expected a TorchScript file"),
        ({"features": "nowhere.pt"}, ValueError, "expected 'random', 'inception' or a TorchScript file"),
        ({"device": "gpu"}, ValueError, "device is 'gpu'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_missing_is_named_and_nothing_is_written(folders, settings, error, message):
    with pytest.raises(error, match=message):
        evaluate_folders(*folders, **settings)
    assert not folders[2].exists()


def test_a_file_in_place_of_the_output_folder_is_refused(folders):
    folders[2].touch()
    with pytest.raises(ValueError, match="is a file, expected a folder for the report"):
        evaluate_folders(*folders)


def test_the_real_images_are_not_held_out_ones(folders):
    with pytest.raises(ValueError, match="no validation or test images, so the held-out images would be"):
        evaluate_folders(*folders, held_out=folders[0])


def test_a_data_set_with_splits_holds_out_its_own_images(folders):
    real = folders[0]
    items = [{key: f"{key}s/{number}.png" for key in ("image", "label")} for number in range(4)]
    (real / "dataset.json").write_text(json.dumps({"training": items[:3], "test": items[3:]}))
    counts = evaluate_folders(*folders, held_out=real).result.counts
    assert (counts["real"], counts["held_out"]) == (3, 1)


def test_colour_and_grey_are_not_compared(folders, tmp_path):
    colour = write_pairs(tmp_path / "colour", 2, channels=3)
    with pytest.raises(ValueError, match="0 has 3 channels and 2 dimensions, 0 has 1 and 2, expected one kind"):
        evaluate_folders(folders[0], colour, folders[2])


@pytest.mark.parametrize("which", [0, 1], ids=["real", "synthetic"])
def test_a_report_among_the_images_is_refused(folders, which):
    with pytest.raises(ValueError, match=r"lies in .*, which is read: choose another --out"):
        evaluate_folders(*folders[:2], folders[which] / "images")
    assert not list(folders[which].rglob("report.html"))
