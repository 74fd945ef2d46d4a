"""Images from folders and data sets, with names, groups and masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_genaug.data import write_array
from monai_genaug.evaluation.reading import read_images


def write(folder: Path, names: str, kind: str = "images", value: int = 0) -> None:
    for number, name in enumerate(names.split()):
        array = np.full((1, 6, 8), value + number + 1, np.uint8)
        array[0, 0, 0] = 0
        write_array(folder / kind / f"{name}.png", array)


def write_list(folder: Path, **splits: list[dict[str, str]]) -> Path:
    (folder / "dataset.json").write_text(json.dumps(splits))
    return folder


def test_a_plain_folder_gives_names_and_groups_of_their_own(tmp_path):
    write(tmp_path, "a b", kind=".")
    items = read_images(tmp_path, labels=True)
    assert [item["name"] for item in items] == ["a", "b"]
    assert len({item["group"] for item in items}) == 2
    assert all("label" not in item for item in items)
    assert items[0]["image"].shape == (1, 6, 8)
    assert items[0]["image"].max() == 1


def test_labels_are_read_where_asked_for(tmp_path):
    write(tmp_path, "a b")
    write(tmp_path, "a b", kind="labels")
    assert "label" not in read_images(tmp_path)[0]
    label = read_images(tmp_path, labels=True)[1]["label"]
    assert (label.dtype, label.max().item()) == (torch.int64, 2)


def test_some_images_may_lack_a_label(tmp_path):
    write(tmp_path, "a b")
    write(tmp_path, "b", kind="labels")
    assert ["label" in item for item in read_images(tmp_path, labels=True)] == [False, True]


def test_masks_go_to_the_images_of_their_name_and_take_the_place_of_labels(tmp_path):
    write(tmp_path, "a_0 a_1 b c")
    write(tmp_path, "a_0 a_1 b c", kind="labels")
    write(tmp_path, "a b", kind="masks", value=10)
    items = read_images(tmp_path, labels=True, masks=tmp_path / "masks")
    assert [int(item["label"].max()) if "label" in item else None for item in items] == [11, 11, 12, None]


def test_masks_of_other_names_are_refused(tmp_path):
    write(tmp_path, "a b")
    write(tmp_path, "x y", kind="masks")
    with pytest.raises(ValueError, match=r"no mask in .* has the name of an image in .*, such as a: name each mask"):
        read_images(tmp_path, masks=tmp_path / "masks")


def test_a_data_list_gives_groups_labels_and_the_split(tmp_path):
    write(tmp_path, "a b c d")
    write(tmp_path, "a", kind="labels", value=4)
    write_list(
        tmp_path,
        training=[{"image": "images/a.png", "label": "labels/a.png", "group": "p1"}, {"image": "images/b.png"}],
        validation=[{"image": "images/c.png", "group": "p2"}],
        test=[{"image": "images/d.png"}],
    )
    training, held_out = read_images(tmp_path, labels=True), read_images(tmp_path, held_out=True)
    assert [(item["name"], item["group"]) for item in training] == [("a", "p1"), ("b", "images/b.png")]
    assert ["label" in item for item in training] == [True, False]
    assert int(training[0]["label"].max()) == 5
    assert [(item["name"], item["group"]) for item in held_out] == [("c", "p2"), ("d", "images/d.png")]


def test_held_out_images_without_a_split_are_all_that_there_are(tmp_path):
    write(tmp_path, "a b")
    assert len(read_images(tmp_path, held_out=True)) == 2
    write_list(tmp_path, training=[{"image": "images/a.png"}])
    assert [item["name"] for item in read_images(tmp_path, held_out=True)] == ["a"]


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is no valid JSON"), ("[]", "holds no lists")], ids=["broken", "no lists"]
)
def test_a_damaged_list_is_named(tmp_path, text, message):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(ValueError, match=rf"dataset\.json {message}"):
        read_images(tmp_path)


def test_a_truncated_image_is_named(tmp_path):
    write(tmp_path, "a b")
    (tmp_path / "images/b.png").write_bytes((tmp_path / "images/b.png").read_bytes()[:40])
    with pytest.raises(ValueError, match=r"b\.png cannot be read"):
        read_images(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        read_images(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is empty, expected images"):
        read_images(tmp_path)
