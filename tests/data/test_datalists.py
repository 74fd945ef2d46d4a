"""`load_datalist` for each layout that it understands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from monai_genaug.data import FormatError, load_datalist, read_array, write_array


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def write_list(root: Path, **content: object) -> Path:
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def pair(name: str, **extra: str) -> dict[str, str]:
    return {"image": f"images/{name}.png", "label": f"labels/{name}.png", **extra}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folder with the files of five pairs."""
    return touch(tmp_path, *(f"{kind}/{name}.png" for kind in ("images", "labels") for name in "abcde"))


def test_dataset_json_gives_absolute_paths_and_keeps_other_entries(root: Path) -> None:
    write_list(root, training=[pair("a", group="p1", kind="benign")], validation=[pair("b", group="p2")])
    splits = load_datalist(root)
    image, label = str(root / "images" / "a.png"), str(root / "labels" / "a.png")
    assert splits["training"] == [{"image": image, "label": label, "group": "p1", "kind": "benign"}]
    assert [len(splits[name]) for name in ("validation", "test")] == [1, 0]


def test_list_file_may_be_named_itself(root: Path) -> None:
    write_list(root, training=[pair("a")], test=[pair("b")])
    assert load_datalist(root / "dataset.json") == load_datalist(root)


def test_items_without_group_stand_alone(root: Path) -> None:
    write_list(root, training=[pair("a")], test=[pair("b")])
    assert load_datalist(root)["training"][0]["group"] == "images/a.png"


def test_list_with_training_alone_is_split(root: Path) -> None:
    write_list(root, training=[pair(name) for name in "abcde"])
    assert {name: len(items) for name, items in load_datalist(root).items()} == {
        "training": 3,
        "validation": 1,
        "test": 1,
    }


def test_split_does_not_hang_on_where_the_data_lie(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write_list(root, training=[pair(name) for name in "abcde"])
    before = {Path(item["image"]).name for item in load_datalist(root)["training"]}
    moved = root.rename(tmp_path_factory.mktemp("elsewhere") / "set")
    assert {Path(item["image"]).name for item in load_datalist(moved)["training"]} == before


def test_decathlon_list_leaves_out_unlabelled_tests(root: Path) -> None:
    write_list(root, training=[pair(name) for name in "abcd"], test=["./images/e.png"], numTest=1)
    splits = load_datalist(root)
    assert "e.png" not in str(splits)
    assert [len(items) for items in splits.values()] == [2, 1, 1]


def test_group_in_two_splits_is_named(root: Path) -> None:
    write_list(root, training=[pair("a", group="p1")], test=[pair("b", group="p1")])
    with pytest.raises(ValueError, match=r"dataset\.json has the group 'p1' in training and in test"):
        load_datalist(root)


def test_image_in_two_splits_is_named(root: Path) -> None:
    write_list(root, training=[pair("a")], test=[pair("a")])
    with pytest.raises(ValueError, match=r"'images/a\.png' in training and in test"):
        load_datalist(root)


def test_missing_file_of_a_list_is_named(root: Path) -> None:
    write_list(root, training=[pair("z")])
    with pytest.raises(FileNotFoundError, match=r"dataset\.json names images/z\.png"):
        load_datalist(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no valid JSON"),
        ("[]", "no list `training`"),
        ('{"test": []}', "no list `training`"),
        ('{"training": []}', "no training item with a label"),
        ('{"training": [{"label": "labels/a.png"}]}', "expected label and at least one image"),
        ('{"training": [{"image": ["images/a.png"], "label": "labels/a.png"}]}', "expected one path as text"),
    ],
)
def test_broken_list_says_what_is_wrong(root: Path, text: str, message: str) -> None:
    (root / "dataset.json").write_text(text)
    with pytest.raises(FormatError, match=message):
        load_datalist(root)


def test_folders_are_paired_by_name_without_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.nii.gz", "images/b.c.png", "images/d.tif", "images/.DS_Store", "images/notes.txt")
    touch(tmp_path, "labels/a.nii", "labels/b.c.png", "labels/d/1.png")
    items = [item for items in load_datalist(tmp_path).values() for item in items]
    names = {item["group"]: (Path(item["image"]).name, Path(item["label"]).name) for item in items}
    assert names == {"a": ("a.nii.gz", "a.nii"), "b.c": ("b.c.png", "b.c.png"), "d": ("d.tif", "d")}


def test_unmatched_files_are_named(root: Path) -> None:
    (root / "labels" / "b.png").unlink()
    touch(root, "labels/x.png")
    with pytest.raises(ValueError, match=r"2 files without a partner \(images/b\.png, labels/x\.png\)"):
        load_datalist(root)


def test_two_files_of_one_name_raise(root: Path) -> None:
    touch(root, "images/a.tif")
    with pytest.raises(ValueError, match=r"has a\.png and a\.tif"):
        load_datalist(root)


def test_empty_image_folder_raises(tmp_path: Path) -> None:
    touch(tmp_path, "images/.keep", "labels/.keep")
    with pytest.raises(ValueError, match="no readable file in images/"):
        load_datalist(tmp_path)


@pytest.mark.parametrize("inner", ["", "stage1_train"])
def test_layout_of_the_data_science_bowl(real_data, inner: str) -> None:
    splits = load_datalist(real_data("dsb2018_layout") / inner)
    assert [len(items) for items in splits.values()] == [4, 1, 1]
    item = splits["training"][0]
    assert item["group"] == Path(item["image"]).stem
    assert read_array(item["label"])[0].max() > 1


def test_bowl_sample_without_masks_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "stage1_train/s1/images/s1.png")
    with pytest.raises(ValueError, match="s1 has 1 images and no folder masks/"):
        load_datalist(tmp_path)


def test_matlab_cells_become_items(real_data) -> None:
    splits = load_datalist(real_data("dipimage_v2_fixture.mat"))
    items = [item for items in splits.values() for item in items]
    assert {Path(item["image"]).name for item in items} == {
        "dipimage_v2_fixture.mat#images[0]",
        "dipimage_v2_fixture.mat#images[1]",
    }
    for item in items:
        assert item["label"] == item["image"].replace("#images", "#masks")
        assert read_array(item["image"])[0].shape == read_array(item["label"])[0].shape


def test_matlab_variables_can_be_named(real_data) -> None:
    splits = load_datalist(real_data("dipimage_v2_fixture.mat"), image_variable="image", label_variable="mask")
    (item,) = splits["training"]
    assert item["image"].endswith(".mat#image")
    assert read_array(item["label"])[0].max() == 1


def test_matlab_cells_of_unequal_number_raise(tmp_path: Path) -> None:
    three, two = (np.array([[np.eye(3)] * n + [None]], object)[:, :n] for n in (3, 2))
    savemat(tmp_path / "a.mat", {"images": three, "masks": two})
    with pytest.raises(FormatError, match="3 cells in images and 2 cells in masks"):
        load_datalist(tmp_path / "a.mat")


def test_matlab_file_without_masks_lists_its_variables(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"images": np.eye(3), "other": np.eye(3)})
    with pytest.raises(FormatError, match=r"none of the variables masks, .*but images, other: pass label_variable"):
        load_datalist(tmp_path / "a.mat")


def test_variable_names_for_a_folder_are_refused(root: Path) -> None:
    with pytest.raises(ValueError, match=r"is no \.mat file"):
        load_datalist(root, image_variable="images")


def test_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"none does not exist, expected a data set: a folder with dataset\.json"
    ):
        load_datalist(tmp_path / "none")


def test_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.png", "x.csv")
    with pytest.raises(
        ValueError, match=r"holds train, x\.csv, which is no known layout: understood are .*stage1_train"
    ):
        load_datalist(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), r"dataset_dir /.* is empty, expected a data set"),
        (("images/.keep", "labels/a.png"), r"dataset_dir /.* has 1 files without a partner"),
        (("images/.keep", "labels/.keep"), r"dataset_dir /.* no readable file in images/, which is empty"),
        (("images/a.txt", "labels/.keep"), r"dataset_dir /.* no readable file in images/, which holds a\.txt"),
        (("images/.keep",), r"dataset_dir /.* has a folder images/ which is empty"),
        (("images/a.png",), r"dataset_dir /.* has images/ and no labels/, expected a label map for each image"),
        (("notes.txt",), r"dataset_dir /.* holds notes\.txt, which is no known layout"),
    ],
    ids=["nothing", "images empty", "both empty", "no images", "images empty, no labels", "no labels", "other files"],
)
def test_what_is_missing_is_told_with_the_setting_that_named_the_folder(tmp_path: Path, names, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_datalist(touch(tmp_path, *names), name="dataset_dir")


def test_a_setting_that_names_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^dataset_dir /.*nowhere does not exist"):
        load_datalist(tmp_path / "nowhere", name="dataset_dir")


def test_single_picture_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.png is no data set"):
        load_datalist(write_array(tmp_path / "a.png", np.ones((1, 2, 2), np.uint8)))


def test_multi_modality_list_keeps_all_keys(real_data) -> None:
    items = [item for items in load_datalist(real_data("ms_lesions")).values() for item in items]
    assert sorted(item["group"] for item in items) == ["patient07", "patient26"]
    assert all(Path(item[key]).is_file() for item in items for key in ("flair", "t1", "t1post", "t2", "label"))


@pytest.mark.parametrize("name", ["dsb2018_fluorescence", "dsb2018_histology", "busi", "hippocampus"])
def test_real_lists_resolve_every_path(real_data, name: str) -> None:
    splits = load_datalist(real_data(name))
    assert all(Path(item[key]).is_file() for items in splits.values() for item in items for key in ("image", "label"))
    assert min(len(items) for items in splits.values()) > 10
