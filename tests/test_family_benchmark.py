"""benchmarks/families.py, whole, on phantoms and with untrained generators."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import _families, _sampling, families
from benchmarks._agreement import seed_difference
from benchmarks._common import synthesise
from benchmarks._families import Family, make_images, parse_family
from benchmarks._sampling import measure_memory, summarize_times
from monai_genaug import load_generator
from monai_genaug.data import load_datalist, load_items
from monai_genaug.generators import DiffusionGenerator, save_generator
from monai_genaug.masks import BinaryEncoding
from monai_genaug.metrics import RandomFeatures, extract_features
from monai_genaug.networks import DiffusionUNet
from monai_genaug.phantoms import write_nuclei_dataset
from monai_genaug.training.segmenter import load_segmenter
from tests.helpers import save_untrained

TINY_UNET = {"features": [4, 8], "crop_size": 32, "batch_size": 2, "epochs": 1, "iterations_per_epoch": 2}


def start(base: Path, out: Path, *arguments: str) -> None:
    """Run the script on the phantoms of a folder; memory, which takes a process, is left to a test of its own."""
    argv = ["x", "--data", str(base / "data"), "--out", str(out), "--rounds", "1", *arguments]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", argv)
        patch.setattr(families, "SEGMENTER", TINY_UNET)
        patch.setattr(families, "measure_memory", lambda family: {"before_megabytes": 1.0, "peak_megabytes": 2.0})
        families.main()


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A folder with data, two generators, and what a run with them wrote to `out`."""
    folder = tmp_path_factory.mktemp("families")
    counts = {"training": 6, "validation": 0, "test": 4}
    write_nuclei_dataset(folder / "data", counts=counts, spatial_size=(48, 48))
    for number, name in enumerate(("one", "two")):
        save_untrained(folder / name, seed=number)
    start(folder, folder / "out", "--generators", f"pix2pix={folder / 'one'}", f"other={folder / 'two'}")
    return folder


@pytest.fixture
def results(base) -> dict:
    return json.loads((base / "out/results.json").read_text())


@pytest.fixture
def copied(base, tmp_path) -> Path:
    """What the run wrote, to be changed."""
    return Path(shutil.copytree(base / "out", tmp_path / "out"))


def test_every_family_has_its_figures(results):
    assert list(results["families"]) == ["pix2pix", "other"]
    for found in results["families"].values():
        assert found["agreement"]["unet_dice"]["n"] == 4
        assert 0 < found["agreement"]["otsu_dice"]["mean"] <= 1
        assert found["kid"]["low"] <= found["kid"]["value"] <= found["kid"]["high"]
        assert found["kid"]["images"] == [4, 4]
        assert 0 < found["diversity"]["mean"] < 1
        assert found["seed_difference"]["inside"] > 0
        assert found["parameters"] > 0
        assert found["weights_types"] == ["float32"]
        assert found["seconds_of_images"] >= 0


def test_real_images_stand_beside_them(results):
    assert results["real"]["agreement"]["otsu_dice"]["n"] == 4
    assert results["real"]["kid"]["images"] == [4, 6]


def test_speed_is_told_of_both_batches(results):
    for found in results["speed"].values():
        assert found["1"]["samples_per_second"] == pytest.approx(1 / found["1"]["seconds"][0])
        assert found["8"]["samples_per_second"] == pytest.approx(8 / found["8"]["seconds"][0])
    assert results["speed"]["pix2pix"]["8"]["ratio"] == 1
    assert results["speed"]["other"]["8"]["ratio"] > 0


def test_the_tables_have_a_row_for_each_family(base):
    text = (base / "out/table.md").read_text()
    assert text.count("\n| pix2pix |") == text.count("\n| other |") == 2
    assert "6 training images, 4 test images" in text
    widths = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert widths == [8] * 6 + [11] * 4


def test_the_picture_has_a_column_for_each_family(base):
    picture = Image.open(base / "out/samples.jpg")
    assert picture.format == "JPEG"
    assert np.asarray(picture).std() > 0
    assert picture.width > 4 * 144  # images of 48 pixels are shown three times as large


def test_a_family_can_be_added_without_measuring_the_others_again(base, copied, monkeypatch):
    described, describe = [], families.describe
    monkeypatch.setattr(families, "describe", lambda family: described.append(family.name) or describe(family))
    before = {path.name: path.read_bytes() for path in (copied / "families").iterdir()}
    made = {path: path.stat().st_mtime_ns for path in copied.glob("work/images/*/*.pt")}
    third = save_untrained(copied.parent / "three", seed=3)
    places = [f"pix2pix={base / 'one'}", f"other={base / 'two'}", f"third={third}"]
    start(base, copied, "--generators", *places)
    assert described == ["third"]
    assert all((copied / "families" / name).read_bytes() == content for name, content in before.items())
    assert len(made) == 8
    assert all(path.stat().st_mtime_ns == changed for path, changed in made.items())
    assert list(json.loads((copied / "results.json").read_text())["speed"]) == ["pix2pix", "other", "third"]


def test_a_stopped_run_makes_the_missing_images_alone(base, copied, monkeypatch):
    calls, make = [], _families.synthesise
    monkeypatch.setattr(_families, "synthesise", lambda *arguments: calls.append(arguments[2]) or make(*arguments))
    lost = next(copied.glob("work/images/other-*/002.pt"))
    lost.unlink()
    start(base, copied, "--generators", f"other={base / 'two'}")
    assert calls == [1002, 2002]
    assert lost.is_file()


def test_another_generator_under_the_same_name_is_measured_anew(base, copied):
    before = json.loads((copied / "families/other.json").read_text())
    start(base, copied, "--generators", f"other={base / 'one'}")
    after = json.loads((copied / "families/other.json").read_text())
    assert after["agreement"] != before["agreement"]
    assert after["agreement"] == json.loads((copied / "families/pix2pix.json").read_text())["agreement"]
    assert json.loads((copied / "results.json").read_text())["speed"]["other"]["1"]["ratio"] is None
    assert "| other | " in (copied / "table.md").read_text()


def test_fewer_masks_and_a_given_segmenter_are_measured_anew(base, copied):
    segmenter = copied / "work/segmenter"
    arguments = ["--masks", "3", "--segmenter", str(segmenter), "--work", str(copied / "elsewhere")]
    start(base, copied, "--generators", f"other={base / 'two'}", *arguments)
    found = json.loads((copied / "results.json").read_text())
    assert found["families"]["other"]["agreement"]["unet_dice"]["n"] == 3
    assert found["segmenter"]["given"]
    assert not (copied / "elsewhere/segmenter").exists()
    assert len(list(copied.glob("elsewhere/images/other-*/*.pt"))) == 3


def test_the_first_images_are_those_of_the_benchmark_of_faithfulness(base, tmp_path):
    test = load_items(load_datalist(base / "data")["test"])
    made, _ = make_images(
        parse_family(f"a={base / 'one'}"), test, tmp_path, device="cpu", progress=lambda done, total, losses: None
    )
    for row, seed in zip(made, (1000, 2000), strict=True):
        expected = synthesise(load_generator(base / "one"), test, seed)
        assert all(torch.equal(a["image"], b["image"]) for a, b in zip(row, expected, strict=True))


def test_noise_is_farther_from_real_images_than_other_real_images_are(base):
    splits = load_datalist(base / "data")
    test, training = load_items(splits["test"]), load_items(splits["training"])
    noise = [{"image": torch.rand(1, 48, 48, generator=torch.Generator().manual_seed(number))} for number in range(6)]
    features = extract_features([item["image"] for item in test], RandomFeatures(2, 1))
    segmenter = load_segmenter(base / "out/work/segmenter")
    judge = families.Judge(segmenter, "", RandomFeatures(2, 1), test, features, "")
    assert judge.compare(noise)["low"] > judge.compare(training)["value"]


def test_differences_of_seeds_are_told_apart_by_the_mask():
    label = torch.tensor([[[0, 0, 3, 4]]])
    one = [{"image": torch.tensor([[[0.0, 0.2, 0.5, 0.5]]]), "label": label}]
    two = [{"image": torch.tensor([[[0.0, 0.0, 1.0, 0.0]]]), "label": label}]
    assert seed_difference(one, two, inside=True) == pytest.approx(0.5)
    assert seed_difference(one, two, inside=False) == pytest.approx(0.1)


def test_ratios_are_taken_round_by_round():
    times = {"pix2pix": {1: [1.0, 10.0, 2.0]}, "ddpm": {1: [5.0, 30.0, 8.0]}}
    found = summarize_times(times, "pix2pix")
    assert (found["ddpm"]["1"]["ratio"], found["ddpm"]["1"]["samples_per_second"]) == (4, 1 / 8)
    assert summarize_times({"ddpm": times["ddpm"]}, "pix2pix")["ddpm"]["1"]["ratio"] is None


def test_arguments_of_a_generator_can_be_changed_and_count_as_another_generator(tmp_path):
    network = DiffusionUNet(2, in_channels=1, out_channels=1, channels=(8, 16), norm_groups=4)
    folder = save_generator(tmp_path / "ddpm", DiffusionGenerator(network, BinaryEncoding(), steps=7))
    plain, changed = parse_family(f"a={folder}"), parse_family(f"b={folder}@steps=3,sampler=ddim")
    assert changed.changes == {"steps": 3, "sampler": "ddim"}
    assert plain.digest != changed.digest
    assert plain.digest == parse_family(f"b={folder}").digest
    generators = [family.load() for family in (plain, changed)]
    assert [len(generator.timesteps) - 1 for generator in generators] == [7, 3]
    states = [generator.network.state_dict().values() for generator in generators]
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))
    assert _families.describe(changed)["generator"]["steps"] == 3


@pytest.mark.skipif(not _sampling.PEAK.exists(), reason="the peak of a process's memory is read from Linux's /proc")
def test_memory_is_that_of_a_process_of_its_own(base):
    found = measure_memory(Family("a", (base / "one").resolve(), {}))
    assert 50 < found["before_megabytes"] <= found["peak_megabytes"] < 10_000


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["pix2pix"], "'pix2pix' names no generator, expected NAME=FOLDER"),
        (["=ONE"], "names no generator, expected NAME=FOLDER"),
        (["../a=ONE"], "names no generator, expected NAME=FOLDER"),
        (["a=no_such_folder"], "a: no generator 'no_such_folder'"),
        (["a=DATA"], "is no generator folder"),
        (["a=ONE@steps"], "changes 'steps', expected KEY=VALUE"),
        (["a=ONE@steps=3"], "Pix2PixGenerator cannot be built"),
        (["a=ONE", "a=TWO"], "has the names a, a, expected each name once"),
        (["a=ONE", "--masks", "2"], "--masks is 2, expected 3 or more"),
        (["a=ONE", "--rounds", "0"], "--rounds is 0, expected 1 or more"),
    ],
    ids=["no folder", "no name", "path", "missing", "no generator", "no value", "no argument", "twice", "few", "none"],
)
def test_what_is_wrong_of_the_command_line_is_one_error(base, tmp_path, capsys, texts, message):
    places = {"ONE": base / "one", "TWO": base / "two", "DATA": base / "data"}
    for name, place in places.items():
        texts = [text.replace(name, str(place)) for text in texts]
    with pytest.raises(SystemExit) as error:
        start(base, tmp_path / "out", "--generators", *texts)
    assert error.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert message in last
    assert not (tmp_path / "out").exists()


def test_generators_of_other_images_are_refused_before_anything_is_made(base, tmp_path):
    colour = save_untrained(tmp_path / "colour", image_channels=3)
    with pytest.raises(ValueError, match=r"b makes images of 3 channels and 2 dimensions, the test images have 1"):
        start(base, tmp_path / "out", "--generators", f"a={base / 'one'}", f"b={colour}")
    assert not (tmp_path / "out").exists()


def test_too_few_test_images_are_refused(base, tmp_path):
    counts = {"training": 2, "validation": 0, "test": 2}
    write_nuclei_dataset(tmp_path / "data", counts=counts, spatial_size=(32, 32))
    with pytest.raises(ValueError, match="there are 2 test images, expected 3 or more"):
        start(tmp_path, tmp_path / "out", "--generators", f"a={base / 'one'}")
