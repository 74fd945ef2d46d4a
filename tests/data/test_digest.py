"""A digest of a data list's files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from monai_genaug.data import digest_datalist, load_datalist
from tests.helpers import write_pairs


def entries(folder: Path) -> list[dict[str, str]]:
    return [{"image": str(folder / f"{name}.png"), "label": str(folder / f"{name}_label.png")} for name in "ab"]


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "set").mkdir()
    for number, name in enumerate(("a", "a_label", "b", "b_label")):
        (tmp_path / f"set/{name}.png").write_bytes(bytes([number]) * 10)
    return tmp_path / "set"


def test_it_is_sixteen_digits_and_the_same_each_time(folder):
    digest = digest_datalist(entries(folder))
    assert len(digest) == 16
    assert int(digest, 16) >= 0
    assert digest_datalist(iter(entries(folder))) == digest


def test_names_places_and_other_entries_do_not_count(folder, tmp_path):
    digest = digest_datalist(entries(folder))
    moved = folder.rename(tmp_path / "moved")
    assert digest_datalist([{**entry, "group": "g1"} for entry in entries(moved)]) == digest


@pytest.mark.parametrize("name", ["a", "b_label"])
def test_one_changed_byte_of_an_image_or_a_label_changes_it(folder, name):
    before = digest_datalist(entries(folder))
    path = folder / f"{name}.png"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\xff")
    os.utime(path, ns=(0, 1))  # as a later write would, on clocks that tick slowly
    assert digest_datalist(entries(folder)) != before


def test_order_number_and_roles_of_files_count(folder):
    first, second = entries(folder)
    swapped = {"image": first["label"], "label": first["image"]}
    digests = [digest_datalist(some) for some in ([first, second], [second, first], [first], [swapped, second], [])]
    assert len(set(digests)) == 5


def test_other_keys_can_be_counted(folder):
    entry = entries(folder)[0]
    assert digest_datalist([{"image": entry["image"]}], keys=("image",)) == digest_datalist([entry], keys=("image",))


def test_a_missing_file_is_named(folder):
    (folder / "b.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"b\.png"):
        digest_datalist(entries(folder))


def test_folders_of_slices_are_hashed_by_their_files(tmp_path):
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / "series").mkdir(exist_ok=True)
        (tmp_path / "series" / name).write_bytes(name.encode())
    entry = {"image": str(tmp_path / "series"), "label": str(tmp_path / "series/1.dcm")}
    before = digest_datalist([entry])
    (tmp_path / "series/2.dcm").write_bytes(b"other")
    os.utime(tmp_path / "series/2.dcm", ns=(0, 1))
    assert digest_datalist([entry]) != before


def test_images_in_one_matlab_file_are_told_apart(tmp_path):
    from scipy.io import savemat

    cells = np.empty(2, dtype=object)
    cells[:] = [np.zeros((4, 4)), np.ones((4, 4))]
    savemat(tmp_path / "set.mat", {"images": cells})
    entries = [{"image": f"{tmp_path}/set.mat#images[{number}]"} for number in (1, 2)]
    assert len({digest_datalist([entry], keys=("image",)) for entry in entries}) == 2


def test_data_lists_as_they_are_loaded_can_be_hashed(tmp_path):
    training = load_datalist(write_pairs(tmp_path), fractions=(1, 0, 0))["training"]
    assert digest_datalist(training) != digest_datalist(training[:2])
