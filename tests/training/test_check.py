from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_genaug.data import list_unpaired, load_datalist, write_array
from monai_genaug.training import check_training_data, check_unlabelled_images, check_unpaired_data
from tests.helpers import build, write_pairs


def entries(folder: Path) -> list[dict[str, Any]]:
    return load_datalist(folder, fractions=(1, 0, 0))["training"]


@pytest.fixture
def pairs(tmp_path) -> list[dict[str, Any]]:
    return entries(write_pairs(tmp_path, values=1))


def instances(folder: Path, count: int = 3) -> list[dict[str, Any]]:
    """Pairs whose labels hold one to many single objects."""
    write_pairs(folder, count)
    for number in range(count):
        label = np.zeros((1, 20, 24), np.uint8)
        for value in range(1, 3 + number):
            label[0, 2 * value, 2 * value : 2 * value + 2] = value
        write_array(folder / f"labels/{number}.png", label)
    return entries(folder)


def test_what_the_data_are_like_is_logged_and_given_back(pairs, caplog):
    with caplog.at_level(logging.INFO, "monai_genaug"):
        found = check_training_data(pairs, build(), crop_size=16)
    assert (found.n, found.spatial_dims, found.channels, found.size_max) == (3, 2, 1, (20, 24))
    assert "3 training images: 2D, 1 channel(s), size 20x24, type uint8, intensities 50 to 219" in caplog.text


def test_images_of_different_sizes_are_logged_from_smallest_to_largest(tmp_path, caplog):
    data = entries(write_pairs(tmp_path / "a", 1)) + entries(write_pairs(tmp_path / "b", 1, (40, 16)))
    with caplog.at_level(logging.INFO, "monai_genaug"):
        check_training_data(data, build(), crop_size=16)
    assert "size 20x16 to 40x24" in caplog.text


@pytest.mark.parametrize(
    ("data", "generator", "crop_size", "message"),
    [
        ({}, {"spatial_dims": 3}, 16, r"2 dimensions, .*spatial_dims=3: set spatial_dims=2"),
        ({"size": (9, 10, 11)}, {}, 16, r"3 dimensions, .*spatial_dims=2: set spatial_dims=3"),
        ({}, {"image_channels": 3}, 16, r"1 channels, .*image_channels=3: set image_channels=1"),
        ({"channels": 3}, {}, 16, r"3 channels, .*image_channels=1: set image_channels=3"),
        ({}, {}, 18, r"crop_size is 18, expected a multiple of 4, the network's stride: set crop_size=16"),
        ({}, {}, 1, r"crop_size is 1, .*set crop_size=4"),
        ({}, {}, 0, r"crop_size is 0, .*set crop_size=4"),
        ({}, {}, -16, r"crop_size is -16, .*set crop_size=4"),
        (
            {"values": 3},
            {"num_classes": 2},
            16,
            r"labels go up to 3, .*condition_channels=2 .*set condition_channels=3",
        ),
    ],
    ids=["3d wanted", "2d wanted", "colour wanted", "grey wanted", "crop", "small crop", "no crop", "minus", "classes"],
)
def test_what_the_configuration_does_not_fit_is_refused_with_the_remedy(tmp_path, data, generator, crop_size, message):
    with pytest.raises(ValueError, match=message):
        check_training_data(entries(write_pairs(tmp_path, **data)), build(**generator), crop_size=crop_size)


def test_empty_labels_are_refused(pairs):
    for entry in pairs:
        write_array(Path(entry["label"]), np.zeros((1, 20, 24), np.uint8))
    with pytest.raises(ValueError, match=r"all labels are empty.*values above 0"):
        check_training_data(pairs, build(), crop_size=16)


def test_one_empty_label_among_others_is_fine(pairs):
    write_array(Path(pairs[0]["label"]), np.zeros((1, 20, 24), np.uint8))
    assert check_training_data(pairs, build(), crop_size=16).label_max == 1


def test_constant_images_are_refused(pairs):
    for entry in pairs:
        write_array(Path(entry["image"]), np.full((1, 20, 24), 7, np.uint8))
    with pytest.raises(ValueError, match="all images hold the value 7 alone"):
        check_training_data(pairs, build(), crop_size=16)


@pytest.mark.parametrize("bad", [0.5, -1.0, np.nan], ids=str)
def test_labels_that_are_no_labels_are_named_by_their_file(pairs, tmp_path, bad):
    label = np.ones((1, 20, 24), np.float32)
    label[0, 3, 3] = bad
    pairs[1] = {**pairs[1], "label": str(write_array(tmp_path / "soft.tif", label))}
    with pytest.raises(ValueError, match=r"soft\.tif holds .*expected whole numbers"):
        check_training_data(pairs, build(), crop_size=16)


def test_nan_in_an_image_is_named_by_its_file(pairs, tmp_path):
    image = np.ones((1, 20, 24), np.float32)
    image[0, 3, 3] = np.nan
    pairs[1] = {**pairs[1], "image": str(write_array(tmp_path / "bad.tif", image))}
    with pytest.raises(ValueError, match=r"bad\.tif holds NaN"):
        check_training_data(pairs, build(), crop_size=16)


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="the data list is empty, expected at least one item"):
        check_training_data([], build(), crop_size=16)


def test_no_more_images_are_read_than_asked(pairs):
    Path(pairs[1]["image"]).unlink()
    assert check_training_data(pairs, build(), crop_size=16, limit=2).n_read == 2
    with pytest.raises(FileNotFoundError, match=r"1\.png"):
        check_training_data(pairs, build(), crop_size=16, limit=None)


def test_labels_that_look_like_classes_are_warned_of_unless_told(tmp_path):
    data = entries(write_pairs(tmp_path, values=2))
    with pytest.warns(UserWarning, match=r"look like 2 classes.*set encoding=@one_hot and condition_channels=2"):
        check_training_data(data, build(), crop_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_training_data(data, build(num_classes=2), crop_size=16)


def test_labels_that_look_like_instances_are_not_warned_of(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_training_data(instances(tmp_path), build(), crop_size=16).label_kind == "instances"


def test_images_all_smaller_than_the_crop_are_warned_of(pairs):
    with pytest.warns(UserWarning, match=r"smaller than crop_size=32 and will be mirrored.*at most 24"):
        check_training_data(pairs, build(), crop_size=32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_training_data(pairs, build(), crop_size=24)


@pytest.mark.parametrize(("name", "channels"), [("dsb2018_fluorescence", 1), ("dsb2018_histology", 3)])
def test_real_instances_fit_without_a_word(real_data, name, channels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load_datalist(real_data(name))["training"]
        found = check_training_data(data, build(image_channels=channels), crop_size=128, limit=6)
    assert found.label_kind == "instances"


@pytest.mark.parametrize(
    ("generator", "layers", "message"),
    [
        ({}, 3, r"crop_size is 16, expected at least 24, .*set crop_size=24, or fewer discriminator_layers\.$"),
        ({"levels": 4}, 3, r"crop_size is 16, expected at least 24, .*set crop_size=32, or fewer"),
        ({}, 4, r"crop_size is 16, expected at least 48"),
    ],
    ids=["stride 4", "stride 16", "four layers"],
)
def test_a_crop_too_small_for_the_discriminator_is_refused(pairs, generator, layers, message):
    with pytest.raises(ValueError, match=message):
        check_training_data(pairs, build(**generator), crop_size=16, discriminator_layers=layers)
    check_training_data(pairs, build(**generator), crop_size=16, discriminator_layers=2)


def unpaired(images: Path, masks: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    return list_unpaired(images, "image"), list_unpaired(masks, "label")


def test_lists_that_do_not_belong_together_are_both_described(tmp_path, caplog):
    lists = unpaired(write_pairs(tmp_path / "a", 3, (40, 16)), write_pairs(tmp_path / "b", 2))
    with caplog.at_level(logging.INFO, "monai_genaug"):
        check_unpaired_data(*lists, build(), crop_size=16)
    assert "3 training images: 2D, 1 channel(s), size 40x16, type uint8" in caplog.text
    assert "2 masks: 2D" in caplog.text


def test_masks_may_be_left_to_a_sampler(tmp_path, caplog):
    images, _ = unpaired(write_pairs(tmp_path / "a"), tmp_path / "a")
    with caplog.at_level(logging.INFO, "monai_genaug"):
        check_unpaired_data(images, [], build(), crop_size=16)
    assert "made by the mask sampler" in caplog.text


def test_masks_of_other_dimensions_and_empty_ones_are_refused(tmp_path):
    images, volumes = unpaired(write_pairs(tmp_path / "a"), write_pairs(tmp_path / "b", 1, (8, 8, 8)))
    with pytest.raises(ValueError, match="masks have 3 dimensions, images 2"):
        check_unpaired_data(images, volumes, build(), crop_size=16)
    empty = write_array(tmp_path / "empty.png", np.zeros((1, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="all masks are empty"):
        check_unpaired_data(images, [{"label": str(empty)}], build(), crop_size=16)


def test_a_crop_too_small_for_a_network_is_refused_for_lists_that_do_not_belong_together_too(tmp_path):
    lists = unpaired(write_pairs(tmp_path / "a"), write_pairs(tmp_path / "b"))
    with pytest.raises(ValueError, match="crop_size is 16, expected at least 24"):
        check_unpaired_data(*lists, build(), crop_size=16, discriminator_layers=3)
    generator = build()
    generator.least_size = 20
    with pytest.raises(ValueError, match=r"crop_size is 16, expected at least 20, .*set crop_size=20\.$"):
        check_unpaired_data(*lists, generator, crop_size=16, discriminator_layers=1)


def test_images_that_are_listed_as_masks_too_are_refused(tmp_path):
    images = list_unpaired(write_pairs(tmp_path) / "images", "image")
    masks = list_unpaired(tmp_path / "images", "label")
    with pytest.raises(ValueError, match=r"0\.png is listed as an image and as a mask, .*set masks_dir"):
        check_unpaired_data(images, masks, build(), crop_size=16)


def test_images_and_jpegs_that_are_given_as_masks_are_refused(tmp_path):
    images = list_unpaired(write_pairs(tmp_path / "a"), "image")
    noise = np.random.default_rng(0).integers(0, 200, (1, 20, 30)).astype(np.uint8)
    masks = [{"label": str(write_array(tmp_path / "c.png", noise))}]
    with pytest.raises(ValueError, match=r"c\.png holds .* values, .*looks like an image, or a mask that was saved as"):
        check_unpaired_data(images, masks, build(), crop_size=16)


def test_colour_masks_are_told_from_their_images(tmp_path):
    images, masks = unpaired(write_pairs(tmp_path / "a"), tmp_path / "a")
    for mask in masks:
        write_array(Path(mask["label"]), np.zeros((3, 20, 24), np.uint8))
    with pytest.raises(ValueError, match=r"labels/0\.png has 3 channels, expected one: save label maps"):
        check_unpaired_data(images, masks, build(), crop_size=16)


def test_unlabelled_images_of_the_kind_of_the_pairs_are_logged(tmp_path, caplog):
    images = list_unpaired(write_pairs(tmp_path, 3, (40, 16)), "image")
    with caplog.at_level(logging.INFO, "monai_genaug"):
        check_unlabelled_images(images, build())
    assert "3 unlabelled images: 2D, 1 channel(s), size 40x16, type uint8" in caplog.text


def test_there_may_be_no_unlabelled_images(caplog):
    with caplog.at_level(logging.INFO, "monai_genaug"):
        check_unlabelled_images([], build())
    assert not caplog.text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"channels": 3}, "unlabelled images have 3 channels, the images of the pairs 1: set unlabelled_dir"),
        ({"size": (9, 9, 9)}, "unlabelled images have 3 dimensions, the images of the pairs 2: set unlabelled_dir"),
    ],
    ids=["colour", "volumes"],
)
def test_unlabelled_images_of_another_kind_are_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        check_unlabelled_images(list_unpaired(write_pairs(tmp_path, **data), "image"), build())


def test_constant_unlabelled_images_are_refused(tmp_path):
    file = write_array(tmp_path / "a.png", np.full((1, 20, 24), 7, np.uint8))
    with pytest.raises(ValueError, match="all unlabelled images hold the value 7 alone"):
        check_unlabelled_images([{"image": str(file)}], build())


def test_images_of_other_channels_than_the_generators_are_refused_without_labels_too(tmp_path):
    images, masks = unpaired(write_pairs(tmp_path / "a", channels=3), write_pairs(tmp_path / "b"))
    with pytest.raises(ValueError, match="set image_channels=3"):
        check_unpaired_data(images, masks, build(), crop_size=16)
