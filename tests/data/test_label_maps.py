"""What is accepted as a label map, and what is an image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monai_genaug.data import check_label_map, list_unpaired, read_array, read_label_map, write_array
from monai_genaug.masks import LabelDeformation, ProceduralNuclei


def regions(count: int, size: tuple[int, ...], *, rough: float = 0.0) -> np.ndarray:
    """Fill a map with touching regions of values 1 to count, with borders as rough as is said."""
    rng = np.random.default_rng(count)
    centres = rng.uniform(0, size, (count, len(size)))
    points = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
    points = points + rough * rng.standard_normal(points.shape)
    distance = [((points - centre) ** 2).sum(axis=-1) for centre in centres]
    return (np.argmin(distance, axis=0) + 1)[None]


def nuclei(radius: float = 3.0, size: tuple[int, ...] = (128, 128)) -> np.ndarray:
    sampler = ProceduralNuclei(radius=radius, coverage=0.35, touching=0.5).set_random_state(seed=0)
    return sampler(np.zeros((1, *size), np.int64))


def stripes(size: int) -> np.ndarray:
    """Draw diagonal lines, each of its own value and one pixel wide."""
    number = np.indices((size, size)).sum(axis=0)
    return np.where(number % 4 == 0, number, 0)[None]


def image(size: tuple[int, ...] = (64, 64), *, top: int = 255) -> np.ndarray:
    """Draw bright blobs on noise."""
    blobs = 0.7 * (nuclei(6.0, size) > 0) + 0.05 * np.random.default_rng(0).standard_normal((1, *size)) + 0.2
    return (np.clip(blobs, 0, 1) * top).astype(np.int64)


def mask_as_jpeg(file: Path, quality: int) -> Path:
    mask = 255 * (nuclei(8.0) > 0)[0].astype(np.uint8)
    Image.fromarray(mask).save(file, "JPEG", quality=quality)
    return file


HONEST = {
    "empty": lambda: np.zeros((1, 9, 9), int),
    "one class": lambda: (nuclei() > 0).astype(int),
    "hundreds of objects": lambda: nuclei(2.0, (256, 256)),
    "objects cut by a crop": lambda: nuclei(9.0)[:, 5:60, 5:60],
    "objects mirrored into pieces": lambda: LabelDeformation().set_random_state(seed=3)(nuclei(9.0)),
    "numbers used again": lambda: np.where(nuclei() > 0, nuclei() % 25 + 1, 0),
    "numbers with gaps": lambda: nuclei() * 1000,
    "objects of one pixel": lambda: np.pad(np.arange(1, 401).reshape(1, 20, 20), ((0, 0), (0, 20), (0, 20))),
    "a hundred classes": lambda: regions(100, (96, 96)),
    "a hundred classes with rough borders": lambda: regions(100, (96, 96), rough=1.0),
    "forty classes of a volume": lambda: regions(40, (24, 24, 20), rough=0.5),
    "lines of one pixel": lambda: stripes(60),
}


@pytest.mark.parametrize("draw", HONEST.values(), ids=HONEST)
def test_objects_and_classes_are_label_maps(draw):
    label = draw()
    found = check_label_map(torch.from_numpy(label).float())
    assert found.dtype == torch.int64
    assert (found.numpy() == label).all()


IMAGES = {
    "8 bit": image,
    "16 bit": lambda: image(top=60_000),
    "volume": lambda: image((16, 24, 20), top=900),
    "reduced": lambda: image()[:, ::2, ::2],
    "few grey levels": lambda: image() // 8,
}


@pytest.mark.parametrize("draw", IMAGES.values(), ids=IMAGES)
def test_images_are_not(draw):
    with pytest.raises(ValueError, match=r"label holds .* values, .*expected objects or classes: it looks like"):
        check_label_map(torch.from_numpy(draw()))


@pytest.mark.parametrize("quality", [30, 50, 75, 85, 90, 95, 98, 100])
def test_masks_that_were_saved_as_jpeg_are_not(tmp_path, quality):
    with pytest.raises(ValueError, match=r"m\.jpg holds .*saved as JPEG: save masks as PNG, TIFF or NIfTI"):
        read_label_map(mask_as_jpeg(tmp_path / "m.jpg", quality))


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_nor_are_they_when_converted_to_png_afterwards(tmp_path, quality):
    array = read_array(mask_as_jpeg(tmp_path / "m.jpg", quality))[0]
    with pytest.raises(ValueError, match=r"m\.png holds .*saved as JPEG"):
        read_label_map(write_array(tmp_path / "m.png", array))


def test_a_jpeg_that_kept_its_two_values_is_a_label_map(tmp_path):
    Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.full((16, 16), 255, np.uint8))).save(tmp_path / "m.jpg")
    assert read_label_map(tmp_path / "m.jpg").unique().tolist() == [0, 255]


def test_a_label_map_is_read_as_whole_numbers_whatever_its_type(tmp_path):
    label = np.array([[[0.0, 700.0], [3.0, 0.0]]], np.float32)
    assert read_label_map(write_array(tmp_path / "a.tif", label)).tolist() == label.tolist()


def test_colours_are_refused_by_the_number_of_channels(tmp_path):
    with pytest.raises(ValueError, match=r"a\.png has 3 channels, expected one: .*images and labels are not mixed up"):
        read_label_map(write_array(tmp_path / "a.png", np.zeros((3, 4, 4), np.uint8)))


@pytest.mark.parametrize("name", ["dsb2018_fluorescence", "dsb2018_histology", "busi", "hippocampus", "ms_lesions"])
def test_all_real_labels_pass(real_data, name):
    folder = real_data(name)
    content = json.loads((folder / "dataset.json").read_text())
    labels = [entry["label"] for split in ("training", "validation", "test") for entry in content.get(split, [])]
    assert all(read_label_map(folder / label).ndim >= 3 for label in labels)


def test_labels_of_one_file_an_object_pass(real_data):
    labels = list_unpaired(real_data("dsb2018_layout"), "label")
    assert all(read_label_map(entry["label"]).max() > 1 for entry in labels)


@pytest.mark.parametrize("name", ["dsb2018_fluorescence", "busi", "hippocampus"])
def test_no_real_image_passes(real_data, name):
    for entry in list_unpaired(real_data(name), "image")[:20]:
        with pytest.raises(ValueError, match=r"looks like an image|expected whole numbers"):
            read_label_map(entry["image"])
