"""MATLAB files through `read_array`."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.io.matlab import MatlabObject

from monai_genaug.data import FormatError, read_array

PLANE = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000


def save(path: Path, **variables: object) -> Path:
    savemat(path, variables)
    return path


def cells(*values: object) -> np.ndarray:
    array = np.empty((1, len(values)), object)
    array[0, :] = values
    return array


def dip_image(*planes: np.ndarray) -> MatlabObject:
    array = np.empty((len(planes), 1), dtype=[("data", object), ("dip_type", object)])
    for row, plane in zip(array, planes, strict=True):
        row[0] = (plane, plane.dtype.name)
    return MatlabObject(array, "dip_image")


def write_opaque(path: Path, name: str, kind: str) -> Path:
    """MATLAB 5 file with one object of a class (type 17), as MATLAB writes those of DIPimage 3."""

    def element(code: int, data: bytes) -> bytes:
        return struct.pack("<II", code, len(data)) + data + b"\0" * (-len(data) % 8)

    def matrix(*parts: bytes) -> bytes:
        return element(14, b"".join(parts))

    numbers = matrix(
        element(6, struct.pack("<II", 13, 0)),
        element(5, struct.pack("<ii", 1, 2)),
        element(1, b""),
        element(6, struct.pack("<II", 1, 2)),
    )
    words = (element(1, word.encode()) for word in (name, "MCOS", kind))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    path.write_bytes(head + matrix(element(6, struct.pack("<II", 17, 0)), *words, numbers))
    return path


def test_plain_plane_keeps_rows_columns_and_type(tmp_path: Path) -> None:
    file = save(tmp_path / "a.mat", x=PLANE)
    array, meta = read_array(f"{file}#x")
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array, PLANE[None])
    np.testing.assert_array_equal(meta["affine"], np.eye(4))


def test_logical_mask_becomes_uint8(tmp_path: Path) -> None:
    file = save(tmp_path / "a.mat", x=PLANE > 3000)
    array, _ = read_array(f"{file}#x")
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array[0], PLANE > 3000)


@pytest.mark.parametrize(("depth", "shape"), [(1, (1, 3, 4)), (2, (1, 3, 4, 2)), (3, (3, 3, 4))])
def test_third_axis_of_a_plain_array_is_depth_or_rgb(tmp_path: Path, depth: int, shape: tuple[int, ...]) -> None:
    stack = np.stack([PLANE + i for i in range(depth)], axis=-1)
    file = save(tmp_path / "a.mat", x=cells(stack))
    array, _ = read_array(f"{file}#x[0]")
    assert array.shape == shape
    assert array.ravel()[0] == 0
    assert array[-1, 0, 0].ravel()[-1] == depth - 1


def test_cells_count_from_0_along_columns(tmp_path: Path) -> None:
    grid = np.empty((2, 2), object)
    for i in range(4):
        grid[i % 2, i // 2] = PLANE + i
    file = save(tmp_path / "a.mat", x=grid)
    assert [int(read_array(f"{file}#x[{i}]")[0].min()) for i in range(4)] == [0, 1, 2, 3]


def test_dip_image_volume_of_three_planes_is_no_rgb(tmp_path: Path) -> None:
    stack = np.stack([PLANE] * 3, axis=-1)
    file = save(tmp_path / "a.mat", x=dip_image(stack))
    np.testing.assert_array_equal(read_array(f"{file}#x")[0], stack[None])


def test_dip_image_with_singleton_depth_is_a_plane(tmp_path: Path) -> None:
    file = save(tmp_path / "a.mat", x=cells(dip_image(PLANE[..., None])))
    np.testing.assert_array_equal(read_array(f"{file}#x[0]")[0], PLANE[None])


def test_colour_dip_image_gives_channels(tmp_path: Path) -> None:
    file = save(tmp_path / "a.mat", x=dip_image(PLANE, PLANE + 1, PLANE + 2))
    np.testing.assert_array_equal(read_array(f"{file}#x")[0], np.stack([PLANE, PLANE + 1, PLANE + 2]))


def test_fixture_of_dipimage_2_reads_alone_and_in_cells(real_data) -> None:
    file = real_data("dipimage_v2_fixture.mat")
    image, _ = read_array(f"{file}#image")
    cell, _ = read_array(f"{file}#images[0]")
    mask, _ = read_array(f"{file}#masks[1]")
    assert image.shape == cell.shape == mask.shape == (1, 128, 160)
    assert (image.dtype, mask.dtype) == (np.uint16, np.uint8)
    assert set(np.unique(mask)) == {0, 1}
    assert image.min() < image.mean() < image.max()


def test_object_of_dipimage_3_says_how_to_export(tmp_path: Path) -> None:
    file = write_opaque(tmp_path / "a.mat", "x", "dip_image")
    with pytest.raises(FormatError, match=r"a\.mat#x cannot be read.*DIPimage 3.*uint16\(dip_array\(x\)\)"):
        read_array(f"{file}#x")


def test_file_of_version_7_3_says_how_to_export(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["x"] = PLANE
    with (tmp_path / "a.mat").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    with pytest.raises(FormatError, match=r"version 7\.3.*'-v7'"):
        read_array(f"{tmp_path / 'a.mat'}#x")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("y", r"a\.mat#y does not exist: the file has the variables c, s, t, x"),
        ("c", "is a cell array of 2: name one cell"),
        ("c[2]", "has 2 cells, counted from 0"),
        ("x[0]", "is no cell array: leave the index out"),
        ("s", "expected real numbers"),
        ("t", "expected real numbers"),
    ],
)
def test_wrong_reference_says_what_is_there(tmp_path: Path, source: str, message: str) -> None:
    file = save(tmp_path / "a.mat", x=PLANE, c=cells(PLANE, PLANE), s={"field": PLANE}, t="words")
    with pytest.raises(FormatError, match=message):
        read_array(f"{file}#{source}")


def test_file_without_variable_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a\.mat#image or a\.mat#images\[0\]"):
        read_array(save(tmp_path / "a.mat", x=PLANE))


def test_truncated_file_raises(tmp_path: Path) -> None:
    file = save(tmp_path / "a.mat", x=np.random.default_rng(0).integers(0, 255, (50, 50)))
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(FormatError, match=r"a\.mat#x cannot be read"):
        read_array(f"{file}#x")


def test_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mat does not exist"):
        read_array(f"{tmp_path}/none.mat#x")


def test_file_is_read_again_after_it_changed(tmp_path: Path) -> None:
    file = save(tmp_path / "a.mat", x=PLANE)
    read_array(f"{file}#x")
    save(file, x=PLANE + 1)
    os.utime(file, ns=(0, 0))
    assert read_array(f"{file}#x")[0].min() == 1


def test_file_is_loaded_once_for_many_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.io

    calls = []
    load = scipy.io.loadmat
    monkeypatch.setattr(scipy.io, "loadmat", lambda path: (calls.append(path), load(path))[1])
    file = save(tmp_path / "a.mat", x=cells(PLANE, PLANE + 1))
    assert [int(read_array(f"{file}#x[{i}]")[0].min()) for i in (0, 1, 0)] == [0, 1, 0]
    assert len(calls) == 1


def test_changing_the_array_leaves_the_next_read_alone(tmp_path: Path) -> None:
    file = save(tmp_path / "a.mat", x=PLANE)
    read_array(f"{file}#x")[0][:] = 9
    np.testing.assert_array_equal(read_array(f"{file}#x")[0], PLANE[None])
