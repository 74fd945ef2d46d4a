"""The scripts in benchmarks/ that measure mask samplers, whole, on phantoms."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import mask_statistics, speed_masks
from monai_genaug.data.writers import write_array
from monai_genaug.masks.procedural import ProceduralNuclei
from monai_genaug.masks.statistics import measure_labels
from monai_genaug.phantoms import write_nuclei_dataset


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statistics")
    counts = {"training": 7, "validation": 0, "test": 3}
    data = write_nuclei_dataset(folder / "data", counts=counts, spatial_size=(64, 64)).parent
    lesions = write_nuclei_dataset(folder / "lesions", counts=counts, spatial_size=(64, 64)).parent
    for path in (lesions / "labels").iterdir():
        write_array(path, (np.asarray(Image.open(path)) > 0)[None].astype(np.uint8))
    argv = ["x", "--data", str(data), "--lesions", str(lesions), "--out", str(folder / "out")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [*argv, "--maps", "2", "--seeds", "2", "--draws", "2"])
        mask_statistics.main()
    return folder / "out"


def test_statistics_writes_distances_of_every_sampler(results):
    found = json.loads((results / "results.json").read_text())
    assert found["settings"]["maps"] == 6
    assert found["lesions"]["class 1"].keys() == {"area", "eccentricity", "count"}
    for name in ("ProceduralNuclei", "InstanceBank", "LabelDeformation"):
        for distance in found["fitted to all training labels"][name].values():
            assert 0 <= distance["min"] <= distance["mean"] <= distance["max"] <= 1
        within = found["fitted to 6 training labels"][name]["draws within 0.05 of the labels"]
        assert all(0 <= count <= 2 for count in within.values())


def test_statistics_draws_a_picture(results):
    assert np.asarray(Image.open(results / "histograms.png").convert("L")).std() > 0


def test_maps_of_the_same_seed_are_the_same_and_have_the_sizes_asked_for():
    labels = [np.zeros((1, 32, 32), np.int64)]
    first, again = (mask_statistics.draw_maps(ProceduralNuclei(), labels, [(1, 40, 32), (1, 16, 64)], 3) for _ in "ab")
    assert [label.shape for label in first] == [(1, 40, 32), (1, 16, 64)]
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_real_labels_are_at_no_distance_from_themselves():
    found = measure_labels([ProceduralNuclei().set_random_state(seed=0)(np.zeros((1, 96, 96), np.int64))])
    assert set(mask_statistics.distances(found, found).values()) == {0.0}


def test_speed_prints_a_line_for_each_sampler(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", "--labels", "2"])
    speed_masks.main()
    printed = capsys.readouterr().out
    for name in ("ProceduralNuclei, fitted", "InstanceBank", "LabelDeformation", "ProceduralLesions"):
        assert name in printed
