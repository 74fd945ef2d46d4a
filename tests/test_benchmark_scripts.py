"""The scripts in benchmarks/, whole, on phantoms and tiny budgets."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import (
    _agreement,
    cycle_faults,
    few_labels,
    nuclei_faithfulness,
    speed_bundle,
    speed_engine,
    speed_transform,
    touching_nuclei,
)
from monai_genaug.data import load_datalist
from monai_genaug.phantoms import write_nuclei_dataset
from tests.helpers import TINY, TINY_CYCLE

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


def start(monkeypatch, script, data: Path, folder: Path, *arguments: str) -> None:
    """Run a script with phantoms as its data."""
    argv = ["x", "--data", str(data), "--out", str(folder / "out"), "--work", str(folder / "work"), *arguments]
    monkeypatch.setattr(sys, "argv", argv)
    script.main()


def test_few_labels_runs_each_arm_by_seed_and_goes_on_where_it_was(data, tmp_path, monkeypatch):
    for name, tiny in {"PIX2PIX": TINY, "CYCLEGAN": TINY_CYCLE, "SEGMENTER": TINY_UNET, "STYLES": 4}.items():
        monkeypatch.setattr(few_labels, name, tiny)
    start(monkeypatch, few_labels, data, tmp_path, "--seeds", "0")
    out = tmp_path / "out"
    names = [arm.replace(" ", "_") for arm in few_labels.ARMS]
    first = {name: (out / f"{name}_seed0.json").read_bytes() for name in names}
    start(monkeypatch, few_labels, data, tmp_path, "--seeds", "0", "1", "--arms", "classic", "copy-paste")
    assert all((out / f"{name}_seed0.json").read_bytes() == content for name, content in first.items())
    cells = [json.loads((out / f"classic_seed{seed}.json").read_text()) for seed in (0, 1)]
    assert cells[0]["labelled"] != cells[1]["labelled"]
    assert not any(name.startswith("test") for cell in cells for name in cell["labelled"])
    summary = json.loads((out / "results.json").read_text())["dice"]
    assert set(summary) == set(few_labels.ARMS)
    pasted = [json.loads((out / f"copy-paste_seed{seed}.json").read_text()) for seed in (0, 1)]
    means = [np.mean(a["dice"]) - np.mean(b["dice"]) for a, b in zip(pasted, cells, strict=True)]
    assert summary["copy-paste"]["difference"]["mean"] == pytest.approx(np.mean(means))
    assert summary["copy-paste"]["difference"]["n"] == 2
    assert summary["cyclegan"]["difference"] is None  # one seed has no interval
    assert np.asarray(Image.open(out / "cyclegan.jpg")).std() > 0


def test_unlabelled_images_are_none_of_the_six_and_none_of_the_test(data, tmp_path):
    options = Namespace(work=tmp_path, data=data, device="cpu")
    cell = few_labels.Cell(3, load_datalist(data)["training"], options)
    labelled, unlabelled = ({Path(entry["image"]).name for entry in part} for part in (cell.labelled, cell.unlabelled))
    assert (len(labelled), len(unlabelled)) == (6, 2)
    assert not labelled & unlabelled
    assert all(name.startswith("training") for name in labelled | unlabelled)


def test_the_faults_of_cycles_are_measured(data, tmp_path, monkeypatch):
    monkeypatch.setattr(cycle_faults, "CYCLEGAN", TINY_CYCLE)
    monkeypatch.setattr(cycle_faults, "SEGMENTER", TINY_UNET)
    start(monkeypatch, cycle_faults, data, tmp_path, "--only", "plain")
    assert not (tmp_path / "out").exists()
    start(monkeypatch, cycle_faults, data, tmp_path)
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert set(results["mended"]) - set(results["real"]) == {
        "hidden_information",
        "read_back_dice",
        "read_back_dice_in_noise",
    }
    assert 0 <= results["plain"]["dice"]["mean"] <= 1


def test_contacts_between_nuclei_are_found_and_their_dip_measured(data, tmp_path, monkeypatch):
    label = np.zeros((20, 30), np.int64)
    label[4:16, 2:15], label[4:16, 15:28] = 1, 2
    where = touching_nuclei.contacts(label)
    assert where.sum() == 24
    image = np.where(label > 0, 0.8, 0.0).astype(np.float32)
    assert touching_nuclei.dip(image, label) == pytest.approx(0, abs=1e-6)
    image[where] = 0.4
    assert touching_nuclei.dip(image, label) == pytest.approx(0.5)
    rows, columns = np.indices(label.shape)
    bumps = [np.exp(-((rows - 10) ** 2 + (columns - c) ** 2) / 20) for c in (8, 21)]
    assert touching_nuclei.come_apart(np.maximum(*bumps).astype(np.float32), label) == 1
    assert touching_nuclei.come_apart(np.exp(-((rows - 10) ** 2 + (columns - 14.5) ** 2) / 200), label) == 0


def test_otsu_finds_bright_nuclei():
    label = torch.zeros(1, 8, 8, dtype=torch.int64)
    label[0, :3] = 5
    assert _agreement.otsu_dice(0.1 + 0.8 * (label > 0).float(), label) == 1.0


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
