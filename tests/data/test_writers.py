"""`write_array` and `write_dataset`, read back by `read_array` and `load_datalist`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monai_genaug.data import load_datalist, read_array, replacing, write_array, write_dataset

AFFINE = np.array([[0.0, -2, 0, 5], [3, 0, 0, -7], [0, 0, 1.5, 9], [0, 0, 0, 1]])
PLANES = [(1, 4, 6), (3, 4, 6)]
VOLUMES = [(1, 3, 4, 6), (2, 3, 4, 6), (3, 3, 4, 6)]


def sample(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = np.random.default_rng(0).random(shape) * 300
    top = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1e6
    array = values.astype(dtype) if top > 300 else (values % 255).astype(dtype)
    array.flat[0] = top
    return array


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [("a.png", shape, "uint8") for shape in PLANES]
    + [("a.png", PLANES[0], "uint16")]
    + [
        (f"a.tif{f}", s, d)
        for f in ("", "f")
        for s in PLANES + VOLUMES
        for d in ("uint8", "uint16", "int16", "float32")
    ]
    + [("a.tif", (2, 4, 6), "uint16"), ("a.tif", (4, 4, 6), "uint8")]
    + [("a.nii.gz", s, d) for s in [PLANES[0], *VOLUMES] for d in ("uint8", "uint16", "int32", "float32", "float64")],
)
def test_array_comes_back_as_it_was(tmp_path: Path, name: str, shape: tuple[int, ...], dtype: str) -> None:
    array = sample(shape, dtype)
    back, _ = read_array(write_array(tmp_path / name, array))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_affine_comes_back(tmp_path: Path, name: str) -> None:
    _, meta = read_array(write_array(tmp_path / name, sample((1, 3, 4, 5), "uint16"), AFFINE))
    np.testing.assert_allclose(meta["affine"], AFFINE)


@pytest.mark.parametrize(
    ("name", "array", "affine", "message"),
    [
        ("a.png", np.zeros((1, 2, 2), np.int64), None, "array is int64, expected one of uint8, uint16"),
        ("a.png", np.zeros((1, 2, 2), bool), None, "array is bool"),
        ("a.png", np.zeros((1, 2, 2, 2), np.uint8), None, r"shape \(1, 2, 2, 2\), expected \(C, Y, X\)"),
        ("a.png", np.zeros((2, 2), np.uint8), None, r"shape \(2, 2\)"),
        ("a.png", np.zeros((2, 2, 2), np.uint8), None, "2 channels of uint8"),
        ("a.png", np.zeros((3, 2, 2), np.uint16), None, "3 channels of uint16"),
        ("a.png", np.zeros((1, 2, 2), np.uint8), AFFINE, r"\.png holds no affine"),
        ("a.png", np.zeros((1, 0, 2), np.uint8), None, r"shape \(1, 0, 2\)"),
        ("a.nii.gz", np.zeros((2, 2, 2), np.uint8), None, "plane of 2 channels"),
        ("a.nii.gz", np.zeros((1, 2, 2, 2), np.uint8), np.eye(3), r"affine has shape \(3, 3\)"),
        ("a.jpg", np.zeros((1, 2, 2), np.uint8), None, "unknown format"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, name: str, array: np.ndarray, affine: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_array(tmp_path / name, array, affine)
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    def fail_midway() -> None:
        with replacing(tmp_path / "a.txt") as hidden:
            hidden.write_text("ha")
            raise KeyboardInterrupt

    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        fail_midway()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def pair(folder: Path, name: str, **extra: str) -> dict[str, str]:
    for kind in ("images", "labels"):
        write_array(folder / kind / f"{name}.png", np.full((1, 2, 2), 300, np.uint16))
    return {"image": f"images/{name}.png", "label": str(folder / "labels" / f"{name}.png"), **extra}


def test_dataset_comes_back(tmp_path: Path) -> None:
    splits = {"training": [pair(tmp_path, "a", group="g1", kind="x")], "test": [pair(tmp_path, "b", group="g2")]}
    file = write_dataset(
        tmp_path, splits, name="demo", licence="CC0 1.0", source="drawn", cite="nobody", label="1 = dot"
    )
    content = json.loads(file.read_text())
    assert content["training"] == [{"image": "images/a.png", "label": "labels/a.png", "group": "g1", "kind": "x"}]
    assert [content[k] for k in ("name", "licence", "source", "cite", "label")] == [
        "demo",
        "CC0 1.0",
        "drawn",
        "nobody",
        "1 = dot",
    ]
    back = load_datalist(tmp_path)
    assert [len(items) for items in back.values()] == [1, 0, 1]
    assert read_array(back["test"][0]["label"])[0].max() == 300


def test_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    items = [{**pair(tmp_path, "a"), "image": "../a.png"}]
    with pytest.raises(ValueError, match=r"a\.png lies outside"):
        write_dataset(tmp_path, {"training": items}, name="demo", licence="CC0 1.0")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    items = [{**pair(tmp_path, "a"), "image": "images/z.png"}]
    with pytest.raises(FileNotFoundError, match=r"z\.png does not exist"):
        write_dataset(tmp_path, {"training": items}, name="demo", licence="CC0 1.0")


def test_group_in_two_splits_is_refused(tmp_path: Path) -> None:
    splits = {"training": [pair(tmp_path, "a", group="g")], "test": [pair(tmp_path, "b", group="g")]}
    with pytest.raises(ValueError, match="group 'g' in training and in test"):
        write_dataset(tmp_path, splits, name="demo", licence="CC0 1.0")
    assert not (tmp_path / "dataset.json").exists()


@pytest.mark.parametrize("splits", [{}, {"training": []}, {"train": [{}]}])
def test_unknown_or_empty_splits_are_refused(tmp_path: Path, splits: dict) -> None:
    with pytest.raises(ValueError, match="expected a filled training"):
        write_dataset(tmp_path, splits, name="demo", licence="CC0 1.0")
