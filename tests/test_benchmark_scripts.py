"""The scripts in benchmarks/, whole, on phantoms and tiny budgets."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import histology_few_labels, nuclei_faithfulness, speed_bundle, speed_engine, speed_transform
from monai_genaug.phantoms import write_nuclei_dataset
from tests.helpers import TINY

TINY_UNET = {"features": [4, 8], "crop_size": 32, "batch_size": 2, "epochs": 1, "iterations_per_epoch": 3}
SMALL = {**TINY, "ema_momentum": None, "instance_noise": 0.0, "label_smoothing": 0.0}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    counts = {"training": 8, "validation": 0, "test": 3}
    return write_nuclei_dataset(tmp_path / "data", counts=counts, spatial_size=(48, 48)).parent


def test_faithfulness_writes_its_figures_and_a_picture(data, tmp_path, monkeypatch):
    monkeypatch.setattr(nuclei_faithfulness, "GENERATOR", TINY)
    monkeypatch.setattr(nuclei_faithfulness, "SEGMENTER", TINY_UNET)
    argv = ["x", "--data", str(data), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", argv)
    nuclei_faithfulness.main()
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert 0 < results["otsu_dice_real_test"]["mean"] <= 1
    assert 0 <= results["unet_dice_generated_from_test_masks"]["mean"] <= 1
    assert results["generator"]["settings"]["images"] == 8
    assert np.asarray(Image.open(tmp_path / "out/samples.jpg")).std() > 0


def test_few_labels_runs_both_arms_by_seed_and_goes_on_where_it_was(data, tmp_path, monkeypatch):
    monkeypatch.setattr(histology_few_labels, "GENERATOR", TINY)
    monkeypatch.setattr(histology_few_labels, "SEGMENTER", TINY_UNET)
    argv = ["x", "--data", str(data), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work"), "--seeds"]
    monkeypatch.setattr(sys, "argv", [*argv, "1"])
    histology_few_labels.main()
    first = (tmp_path / "out/seed0.json").read_bytes()
    monkeypatch.setattr(sys, "argv", [*argv, "2"])
    histology_few_labels.main()
    assert (tmp_path / "out/seed0.json").read_bytes() == first
    cells = [json.loads((tmp_path / f"out/seed{seed}.json").read_text()) for seed in (0, 1)]
    assert cells[0]["labelled"] != cells[1]["labelled"]
    assert not any(name.startswith("test") for cell in cells for name in cell["labelled"])
    summary = json.loads((tmp_path / "out/results.json").read_text())
    means = [
        np.mean(cell["arms"]["classic+genaug"]["dice"]) - np.mean(cell["arms"]["classic"]["dice"]) for cell in cells
    ]
    assert summary["dice"]["difference"]["mean"] == pytest.approx(np.mean(means))
    assert summary["dice"]["difference"]["n"] == 2


def test_otsu_finds_bright_nuclei():
    label = torch.zeros(1, 8, 8, dtype=torch.int64)
    label[0, :3] = 5
    assert nuclei_faithfulness.otsu_dice(0.1 + 0.8 * (label > 0).float(), label) == 1.0


def test_the_speed_scripts_print_their_ratios(monkeypatch, capsys):
    monkeypatch.setattr(speed_engine, "OVERRIDES", SMALL)
    monkeypatch.setattr(speed_engine, "SIZE", (2, 1, 16, 16))
    monkeypatch.setattr(sys, "argv", ["x", "--rounds", "2", "--iterations", "2"])
    speed_engine.main()
    assert "ratio engine / bare loop" in capsys.readouterr().out
    monkeypatch.setattr(speed_transform, "import_seconds", {"monai_genaug.transforms": 1.2, "monai": 1.0}.get)
    speed_transform.main()
    assert "import monai_genaug.transforms / import monai: 1.200" in capsys.readouterr().out


def test_the_engine_and_the_bare_loop_do_the_same_training(monkeypatch):
    monkeypatch.setattr(speed_engine, "OVERRIDES", SMALL)
    batch = {"image": torch.rand(2, 1, 16, 16), "label": torch.ones(2, 1, 16, 16)}
    states = []
    for side in (lambda engine: engine.run, speed_engine.bare_loop):
        torch.manual_seed(1)
        engine = speed_engine.build([batch] * 3)
        side(engine)()
        states.append([*engine.g_network.state_dict().values(), *engine.d_network.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def test_the_bundle_is_timed_against_its_engine(monkeypatch, capsys):
    monkeypatch.setattr(speed_bundle, "OVERRIDES", TINY)
    monkeypatch.setattr(sys, "argv", ["x", "--rounds", "2", "--epochs", "1"])
    speed_bundle.main()
    assert "ratio bundle / bare engine" in capsys.readouterr().out
