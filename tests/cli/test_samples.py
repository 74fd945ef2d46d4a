"""The command `monai-genaug synthesize`."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monai_genaug import cli
from monai_genaug.masks import ProceduralNuclei
from monai_genaug.store import StoreSummary
from tests.helpers import save_untrained, write_pairs
from tests.store.made import items, write_masks


@pytest.fixture(autouse=True)
def keep_warnings():
    """The command line changes how warnings are shown, as it owns its process."""
    with warnings.catch_warnings():
        yield


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """A folder with a generator, masks and samplers, in which commands run."""
    save_untrained(tmp_path / "generator")
    write_masks(tmp_path / "masks")
    ProceduralNuclei(radius=5.0).save(tmp_path / "nuclei.json")
    (tmp_path / "bend.yaml").write_text("mask_sampler: {_target_: monai_genaug.masks.LabelDeformation, flip: 0.0}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str):
    result = CliRunner().invoke(cli.app, ["synthesize", "generator", "--device", "cpu", *arguments])
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def test_masks_and_a_sampler_make_a_store_and_the_same_command_goes_on(desk):
    command = ("--masks", "masks", "--sampler", "bend.yaml", "--count", "3", "--out", "out")
    code, said = run(*command)
    told = json.loads(Path("out/manifest.json").read_text())
    assert code == 0, said
    assert f"3 pairs of 3 drawn: out\ndigest: {told['digest']}" in said
    assert "synthesize 3/3" in said
    assert told["made_of"]["sampler"] == {"_target_": "monai_genaug.masks.LabelDeformation", "flip": 0.0}
    code, again = run(*command)
    assert (code, f"digest: {told['digest']}" in again, "synthesize 3/3" in again) == (0, True, False)
    assert run(*command, "--count", "5")[0] == 0
    assert len(items(desk / "out")) == 5


def test_what_masks_wrote_makes_masks_out_of_nothing(desk):
    code, said = run("--sampler", "nuclei.json", "--size", "40,48", "--count", "2", "--out", "out", "--bits", "16")
    assert code == 0, said
    assert len(items(desk / "out")) == 2


def test_gates_are_named_by_folders(desk):
    write_pairs(desk / "data", 5)
    code, said = run("--masks", "masks", "--count", "2", "--out", "out", "--real", "data", "--least-distance", "0")
    assert code == 0, said
    told = json.loads(Path("out/manifest.json").read_text())
    assert told["settings"]["accept"].startswith("NearestNeighbourPrivacy(least_distance=0,")


def test_a_data_set_tells_how_it_was_split(desk):
    write_pairs(desk / "data", 5)
    assert "5 images are taken as 3 for training" in run("--masks", "data", "--count", "1", "--out", "out")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "neither masks nor a sampler is given"),
        (("--masks", "nowhere"), "nowhere does not exist"),
        (("--sampler", "nowhere.yaml", "--size", "8,8"), "nowhere.yaml does not exist"),
        (("--sampler", "nuclei.json"), "pass --size 256,256"),
        (("--sampler", "nuclei.json", "--size", "8x8"), "--size is '8x8', expected two or three whole numbers"),
        (("--masks", "masks", "--least-dice", "0.8"), "--least-dice is 0.8, but there is no --segmenter"),
        (("--masks", "masks", "--least-distance", "1"), "--least-distance is 1.0, but there is no --real"),
        (("--masks", "masks", "--segmenter", "nowhere"), "nowhere/models/model.pt does not exist"),
        (("--masks", "masks", "--bits", "12"), "bits is 12, expected one of 8, 16, 32"),
        (("--masks", "masks", "--device", "gpu"), "device is 'gpu', expected"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(desk, arguments, message):
    code, said = run("--count", "2", "--out", "out", *arguments)
    assert code == 2, said
    [line] = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert message in line
    assert not (desk / "out/dataset.json").exists()


def test_ctrl_c_says_that_the_same_command_goes_on(desk, monkeypatch):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("monai_genaug.store.write_store", stopped)
    code, said = run("--masks", "masks", "--count", "2", "--out", "out")
    assert (code, "stopped: the same command goes on where it was" in said) == (130, True)


def test_a_full_disk_is_said_with_its_remedy(desk, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("monai_genaug.store.write_store", full)
    code, said = run("--masks", "masks", "--count", "2", "--out", "out")
    assert (code, "the disk is full; free some space and run the same command again" in said) == (2, True)


def test_options_are_passed_on(desk, monkeypatch):
    calls = []

    def fake(*args, **kwargs):
        calls.append((args, kwargs))
        return StoreSummary(desk, 9, 2, "abc")

    monkeypatch.setattr("monai_genaug.store.write_store", fake)
    code, said = run(
        "--masks", "m", "--count", "9", "--out", "o", "--seed", "3", "--batch", "4", "--threads", "2", "--verify"
    )
    assert code == 0, said
    [(args, kwargs)] = calls
    assert args == (Path("o"), "generator")
    assert (
        kwargs.items() >= {"count": 9, "seed": 3, "batch_size": 4, "threads": 2, "verify": True, "bits": None}.items()
    )
    assert "7 pairs of 9 drawn: o\ndigest: abc" in said
