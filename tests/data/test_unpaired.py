from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_genaug.data import (
    FormatError,
    list_unpaired,
    load_datalist,
    load_images,
    load_items,
    load_labels,
    write_array,
)
from tests.helpers import write_pairs


def names(items: list[dict[str, str]], key: str) -> list[str]:
    return [Path(item[key]).name for item in items]


@pytest.fixture
def pairs(tmp_path) -> Path:
    return write_pairs(tmp_path / "pairs")


@pytest.mark.parametrize("key", ["image", "label"])
def test_a_folder_of_pairs_gives_all_of_its_images_or_labels(pairs, key):
    items = list_unpaired(pairs, key)
    assert names(items, key) == ["0.png", "1.png", "2.png"]
    assert {Path(item[key]).parent.name for item in items} == {f"{key}s"}


def test_a_folder_of_files_is_taken_as_it_is(pairs):
    (pairs / "images/notes.txt").touch()
    (pairs / "images/.hidden.png").touch()
    assert names(list_unpaired(pairs / "images", "image"), "image") == ["0.png", "1.png", "2.png"]
    assert names(list_unpaired(pairs / "labels", "label"), "label") == ["0.png", "1.png", "2.png"]


def test_images_may_have_no_labels_beside_them(pairs):
    for file in (pairs / "labels").iterdir():
        file.unlink()
    (pairs / "labels").rmdir()
    assert len(list_unpaired(pairs, "image")) == 3


def write_list(pairs: Path, **lists) -> Path:
    (pairs / "dataset.json").write_text(json.dumps(lists))
    return pairs


def entry(number: int, *keys: str) -> dict[str, str]:
    return {key: f"{key}s/{number}.png" for key in keys or ("image", "label")}


def test_of_a_data_list_with_splits_only_training_is_taken(pairs):
    write_list(pairs, training=[entry(0)], validation=[entry(1)], test=[entry(2)])
    assert names(list_unpaired(pairs, "image"), "image") == ["0.png"]
    assert names(list_unpaired(pairs / "dataset.json", "label"), "label") == ["0.png"]


def test_items_with_one_of_the_two_and_an_unlabelled_list_count(pairs):
    write_list(pairs, training=[entry(0), entry(1, "image")], unlabelled=[entry(2, "image"), entry(1, "image")])
    assert names(list_unpaired(pairs, "image"), "image") == ["0.png", "1.png", "2.png"]
    assert names(list_unpaired(pairs, "label"), "label") == ["0.png"]


def test_an_image_for_training_and_for_test_is_refused(pairs):
    write_list(pairs, training=[entry(0)], unlabelled=[entry(2, "image")], test=[entry(2)])
    with pytest.raises(ValueError, match=r"2\.png for training and for validation or test"):
        list_unpaired(pairs, "image")


def test_what_is_not_there_is_named(pairs, tmp_path):
    with pytest.raises(FileNotFoundError, match="folder of images or a data set"):
        list_unpaired(tmp_path / "nowhere", "image")
    with pytest.raises(ValueError, match="has no labels for training"):
        list_unpaired(write_list(pairs, training=[entry(0, "image")]), "label")


@pytest.mark.parametrize(
    ("names", "key", "message"),
    [
        ((), "image", r"^masks_dir /.* is empty, expected images"),
        ((".keep",), "label", r"^masks_dir /.* is empty, expected labels"),
        (("images/.keep",), "image", r"^masks_dir /.* has a folder images/ which is empty"),
        (("labels/notes.txt",), "label", r"^masks_dir /.* has a folder labels/ which holds notes\.txt"),
        (("images/a.png",), "label", r"has images/ and no labels/, expected label maps: .*or set masks_dir to where"),
        (("notes.txt",), "label", r"^masks_dir /.* holds notes\.txt, which is no known layout"),
    ],
    ids=["nothing", "hidden", "images empty", "no label file", "images alone", "other files"],
)
def test_what_is_missing_is_told_with_the_setting_that_named_the_folder(tmp_path, names, key, message):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=message):
        list_unpaired(tmp_path, key, name="masks_dir")


def test_a_broken_list_is_named(pairs):
    (pairs / "dataset.json").write_text('{"training": }')
    with pytest.raises(FormatError, match=r"dataset\.json is no valid JSON \(Expecting value"):
        list_unpaired(pairs, "image")


@pytest.mark.parametrize(
    ("value", "message"), [(["a.png"], "expected one path as text"), ("images/9.png", "which does not exist")]
)
def test_an_entry_that_is_no_file_is_named_with_its_list(pairs, value, message):
    with pytest.raises((ValueError, FileNotFoundError), match=rf"dataset\.json names .*{message}"):
        list_unpaired(write_list(pairs, training=[{"image": value}]), "image")


def test_the_unlabelled_test_images_of_a_decathlon_list_are_held_out(pairs):
    write_list(pairs, training=[entry(0)], test=["./images/1.png"])
    assert names(list_unpaired(pairs, "image"), "image") == ["0.png"]
    write_list(pairs, training=[entry(1)], test=["./images/1.png"])
    with pytest.raises(ValueError, match=r"1\.png for training and for validation or test"):
        list_unpaired(pairs, "image")


def test_images_in_the_place_of_labels_are_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 200, (1, 20, 30)).astype(np.uint8)
    with pytest.raises(ValueError, match=r"a\.png holds .* values, .*it looks like an image"):
        load_labels([{"label": str(write_array(tmp_path / "a.png", noise))}])


def test_real_sets_are_understood(real_data):
    images = list_unpaired(real_data("dsb2018_histology"), "image")
    assert len(images) == 41
    assert not any("test" in json.dumps(item) for item in images[:1])
    assert len(list_unpaired(real_data("dsb2018_layout"), "label")) == 6


def test_labels_are_read_into_memory_as_whole_numbers(tmp_path):
    label = np.array([[[0, 700], [3, 0]]], np.uint16)
    [item] = load_labels([{"label": str(write_array(tmp_path / "a.png", label))}])
    assert item["label"].tolist() == label.tolist()


def test_labels_of_several_channels_and_of_fractions_are_refused(tmp_path):
    colours = write_array(tmp_path / "a.png", np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(ValueError, match="3 channels, expected one"):
        load_labels([{"label": str(colours)}])
    soft = write_array(tmp_path / "b.nii.gz", np.full((1, 4, 4, 4), 0.5, np.float32))
    with pytest.raises(ValueError, match=r"holds 0\.5, expected whole numbers"):
        load_labels([{"label": str(soft)}])


def test_images_alone_are_scaled_as_those_of_pairs(pairs):
    entries = load_datalist(pairs, fractions=(1, 0, 0))["training"]
    for alone, pair in zip(load_images(entries), load_items(entries), strict=True):
        assert torch.equal(alone["image"], pair["image"])


def test_an_image_with_nan_is_named(tmp_path):
    file = write_array(tmp_path / "a.nii.gz", np.full((1, 4, 4, 4), np.nan, np.float32))
    with pytest.raises(ValueError, match=r"a\.nii\.gz holds NaN or Inf"):
        load_images([{"image": str(file)}])
