"""Tests of the drawn nuclei: form, truth of the labels, repeatability, difficulty, and the data set on disk."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.transforms import LoadImage
from scipy import ndimage

from monai_genaug.phantoms import nuclei_phantom, write_nuclei_dataset


@settings(max_examples=30, deadline=None)
@given(size=st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple), seed=st.integers(0, 2**63 - 1))
def test_any_size_gives_a_valid_pair(size, seed):
    image, label = nuclei_phantom(size, seed=seed)
    assert image.shape == label.shape == (1, *size)
    assert (image.dtype, label.dtype) == (np.float32, np.uint16)
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert image.max() <= 1
    present = np.unique(label[label > 0])
    assert present.tolist() == list(range(1, len(present) + 1))


@pytest.mark.parametrize("size", [(128, 128), (96, 160), (48, 40, 44)])
def test_every_nucleus_is_one_connected_region(size):
    label = nuclei_phantom(size, seed=2).label[0]
    neighbours = np.ones((3,) * len(size))
    assert label.max() > 3
    assert [ndimage.label(label == v, structure=neighbours)[1] for v in range(1, label.max() + 1)] == [1] * label.max()


def test_some_nuclei_touch_and_some_are_cut_by_the_border():
    label = nuclei_phantom((256, 256), seed=1).label[0]
    clumps = ndimage.label(label > 0)[1]
    assert clumps < label.max()
    assert clumps > label.max() / 4
    assert np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]).any()


def test_the_same_arguments_give_the_same_phantom_whatever_the_global_state():
    np.random.seed(0)
    torch.manual_seed(0)
    first = nuclei_phantom((64, 64), seed=3)
    np.random.seed(1)
    torch.manual_seed(1)
    state = np.random.get_state()[1].copy()
    second = nuclei_phantom((64, 64), seed=3)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.label, second.label)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_another_process_draws_the_same_phantom():
    code = (
        "import zlib; from monai_genaug.phantoms import nuclei_phantom;"
        "print(zlib.crc32(b''.join(a.tobytes() for a in nuclei_phantom((40, 56), seed=9))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(done.stdout) == zlib.crc32(b"".join(a.tobytes() for a in nuclei_phantom((40, 56), seed=9)))


def test_seeds_give_different_phantoms():
    assert len({nuclei_phantom((32, 32), seed=seed).image.tobytes() for seed in range(10)}) == 10


@pytest.mark.parametrize("coverage", [0.08, 0.2])
def test_coverage_is_the_mean_share_of_nuclei(coverage):
    shares = [(nuclei_phantom((128, 128), seed=s, coverage=coverage).label > 0).mean() for s in range(40)]
    assert np.mean(shares) == pytest.approx(coverage, rel=0.2)


def test_zero_coverage_gives_an_empty_label_and_a_dim_image():
    image, label = nuclei_phantom((64, 64), seed=0, coverage=0.0)
    assert not label.any()
    assert 0 < image.mean() < 0.1


@pytest.mark.parametrize("radius", [5.0, 9.0])
def test_radius_is_that_of_the_typical_nucleus(radius):
    label = nuclei_phantom((256, 256), seed=4, coverage=0.12, radius=radius).label[0]
    label = np.where(np.isin(label, np.unique([label[0], label[-1], label[:, 0], label[:, -1]])), 0, label)
    areas = np.unique(label[label > 0], return_counts=True)[1]
    assert np.sqrt(np.median(areas) / np.pi) == pytest.approx(radius, rel=0.12)


@pytest.mark.parametrize("contrast", [3.0, 15.0])
def test_contrast_is_the_mean_light_of_nuclei_over_background(contrast):
    ratios = []
    for seed in range(20):
        image, label = nuclei_phantom((96, 96), seed=seed, haze=0.0, contrast=contrast)
        ratios.append(image[label > 0].mean() / np.median(image[label == 0]))
    assert np.median(ratios) == pytest.approx(contrast, rel=0.2)


def test_fewer_photons_give_more_noise():
    noisy, clean = (nuclei_phantom((64, 64), seed=6, coverage=0.0, haze=0.0, photons=p).image for p in (10.0, 1000.0))
    assert noisy.std() / noisy.mean() > 5 * clean.std() / clean.mean()


def test_haze_lies_outside_the_label():
    hazy, clear = (nuclei_phantom((128, 128), seed=7, haze=h) for h in (1.0, 0.0))
    np.testing.assert_array_equal(hazy.label, clear.label)
    assert hazy.image[hazy.label == 0].std() > 1.5 * clear.image[clear.label == 0].std()


def test_threshold_finds_most_of_the_nuclei_but_not_all():
    filters = pytest.importorskip("skimage.filters")
    scores = []
    for seed in range(20):
        image, label = nuclei_phantom((128, 128), seed=seed)
        found, truth = image > filters.threshold_otsu(image), label > 0
        scores.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    assert 0.7 < np.median(scores) < 0.92


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"spatial_size": (64,)}, "spatial_dims is 1"),
        ({"spatial_size": (64, 0)}, r"spatial_size is \(64, 0\), expected at least 1 voxel"),
        ({"coverage": 1.5}, "coverage is 1.5"),
        ({"radius": 0.5}, "radius is 0.5, expected at least 1"),
        ({"contrast": 1.0}, "contrast is 1.0, expected at least 1.01"),
        ({"haze": -1.0}, "haze is -1.0"),
        ({"photons": float("nan")}, "photons is nan"),
        ({"spatial_size": (2000, 2000), "radius": 1.0}, "nuclei of radius 1.0, expected at most 60000: raise radius"),
    ],
)
def test_refuses_parameters_out_of_range(kwargs, message):
    with pytest.raises(ValueError, match=message):
        nuclei_phantom(**{"spatial_size": (32, 32), "seed": 0, **kwargs})


@pytest.mark.parametrize("size", [(48, 40), (24, 40, 32)])
def test_dataset_reads_back_as_it_was_written(tmp_path: Path, size):
    path = write_nuclei_dataset(tmp_path / "set", counts={"training": 2, "test": 1}, spatial_size=size, seed=1)
    listed = json.loads(path.read_text())
    assert [len(listed[split]) for split in ("training", "test")] == [2, 1]
    load = LoadImage(image_only=True, ensure_channel_first=True)
    for item in listed["training"] + listed["test"]:
        image, label = load(path.parent / item["image"]), load(path.parent / item["label"])
        assert sorted(image.shape[1:]) == sorted(label.shape[1:]) == sorted(size)
        assert 1 < image.max() <= 255
        assert len(label.unique()) == label.max() + 1
        assert not label.any() or image[label > 0].mean() > 2 * image[label == 0].mean()
    assert any(load(path.parent / item["label"]).any() for item in listed["training"])


def test_dataset_is_the_same_for_the_same_seed(tmp_path: Path):
    folders = [tmp_path / name for name in "abc"]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        write_nuclei_dataset(folder, counts={"training": 2}, spatial_size=(32, 32), seed=seed)
    first, same, other = ([p.read_bytes() for p in sorted(f.rglob("*.png"))] for f in folders)
    assert first == same
    assert len(first) == 4
    assert first != other


def test_default_dataset_has_all_splits(tmp_path: Path):
    listed = json.loads(write_nuclei_dataset(tmp_path, spatial_size=(16, 16)).read_text())
    assert {split: len(listed[split]) for split in ("training", "validation", "test")} == {
        "training": 6,
        "validation": 4,
        "test": 20,
    }


@pytest.mark.parametrize(
    "counts", [{"training": -1}, {"training": 2, "test": -1}, {"test": 2}, {"training": 1, "dev": 1}]
)
def test_dataset_refuses_wrong_counts_before_it_writes(tmp_path: Path, counts):
    with pytest.raises(ValueError, match="expected numbers >= 0 for some of training, validation, test"):
        write_nuclei_dataset(tmp_path / "set", counts=counts)
    assert not (tmp_path / "set").exists()
