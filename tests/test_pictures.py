"""Pictures for reports and of trainings."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monai_genaug.pictures import (
    EXTRA,
    HIT,
    MISSED,
    OUTLINE,
    error_pixels,
    fit_plane,
    image_pixels,
    label_pixels,
    middle_plane,
    outline_pixels,
    png_data_uri,
    write_grid,
)


def decode(uri: str) -> np.ndarray:
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_a_grey_image_becomes_grey_pixels():
    pixels = image_pixels(torch.tensor([[[0.0, 0.5, 1.0, 2.0, -1.0]]]))
    assert pixels[0].tolist() == [[v] * 3 for v in (0, 128, 255, 255, 0)]


def test_colour_channels_keep_their_order():
    assert image_pixels(torch.tensor([1.0, 0.0, 0.2]).reshape(3, 1, 1))[0, 0].tolist() == [255, 0, 51]


@pytest.mark.parametrize("shape", [(2, 4, 4), (1, 4, 4, 4), (4, 4)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(1, Y, X\) or \(3, Y, X\)"):
        image_pixels(torch.zeros(shape))


def test_a_label_has_one_colour_a_value_and_the_same_in_every_map():
    first = label_pixels(torch.tensor([[[0, 3, 3], [9, 0, 9]]]))
    second = label_pixels(torch.tensor([[[3, 0, 700]]]))
    assert (first[0, 1] == first[0, 2]).all()
    assert (first[0, 1] != first[1, 0]).any()
    assert (first[0, 1] == second[0, 0]).all()
    assert (first[0, 0] == second[0, 1]).all()


def test_many_objects_have_different_colours():
    colours = label_pixels(torch.arange(1, 101).reshape(1, 10, 10)).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == 100


def test_errors_are_coloured_by_kind_over_the_image():
    prediction, label = torch.tensor([[[1, 0, 1, 0]]]), torch.tensor([[[5, 6, 0, 0]]])
    pixels = error_pixels(torch.full((1, 1, 4), 0.5), prediction, label, opacity=0.5)
    for column, colour in enumerate((HIT, MISSED, EXTRA)):
        np.testing.assert_allclose(pixels[0, column], (np.array(colour) + 128) / 2, atol=1)
    assert pixels[0, 3].tolist() == [128] * 3


def test_a_png_gives_back_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (decode(png_data_uri(pixels)) == pixels).all()


def test_large_pictures_are_shrunk_and_small_ones_kept():
    assert decode(png_data_uri(np.zeros((100, 400, 3), np.uint8), longest=40)).shape == (10, 40, 3)
    assert decode(png_data_uri(np.zeros((10, 20, 3), np.uint8), longest=40)).shape == (10, 20, 3)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_grid_shows_images_and_labels_in_rows_with_white_between(tmp_path):
    image, label = torch.full((1, 3, 5), 0.5), torch.full((1, 3, 5), 7)
    pixels = read(write_grid(tmp_path / "deep/er/grid.png", [[label, image], [image, image]], gap=2))
    assert pixels.shape == (3 + 2 + 3, 5 + 2 + 5, 3)
    np.testing.assert_array_equal(pixels[:3, :5], label_pixels(label))
    assert (pixels[:3, 7:] == 128).all()
    assert (pixels[5:, :5] == 128).all()
    assert (pixels[3:5] == 255).all()
    assert (pixels[:, 5:7] == 255).all()


def test_rows_and_images_of_different_sizes_are_filled_up_with_white(tmp_path):
    small, large = torch.zeros(1, 2, 2), torch.zeros(3, 4, 6)
    pixels = read(write_grid(tmp_path / "grid.png", [[small, large], [small]], gap=1))
    assert pixels.shape == (4 + 1 + 2, 2 + 1 + 6, 3)
    assert (pixels[:2, :2] == 0).all()
    assert (pixels[2:4, :2] == 255).all()
    assert (pixels[5:, 2:] == 255).all()


def test_of_a_volume_the_middle_slice_of_the_last_axis_is_shown(tmp_path):
    volume = torch.linspace(0, 1, 5).expand(1, 4, 3, 5)
    label = torch.zeros(1, 4, 3, 5, dtype=torch.int64)
    label[..., 2] = 9
    pixels = read(write_grid(tmp_path / "grid.png", [[volume, label]], gap=0))
    assert pixels.shape == (4, 6, 3)
    assert (pixels[:, :3] == 128).all()
    np.testing.assert_array_equal(pixels[:, 3:], label_pixels(torch.full((1, 4, 3), 9)))


def test_of_an_image_with_two_channels_the_first_is_shown(tmp_path):
    image = torch.stack((torch.ones(2, 2), torch.zeros(2, 2)))
    assert (read(write_grid(tmp_path / "grid.png", [[image]])) == 255).all()


def test_a_grid_replaces_an_earlier_one_and_leaves_no_other_file(tmp_path):
    path = write_grid(tmp_path / "grid.png", [[torch.zeros(1, 2, 2)]])
    write_grid(path, [[torch.ones(1, 3, 3)]])
    assert read(path).shape == (3, 3, 3)
    assert list(tmp_path.iterdir()) == [path]


def test_a_grid_can_be_a_jpeg(tmp_path):
    path = write_grid(tmp_path / "grid.jpg", [[torch.full((1, 16, 16), 0.5)]])
    assert abs(read(path).astype(int) - 128).max() <= 2


def test_outlines_are_the_border_pixels_of_objects_but_not_the_image_border():
    label = torch.zeros(1, 5, 6, dtype=torch.int64)
    label[0, :4, :3] = 1  # touches two sides of the image
    label[0, :4, 3] = 2  # touches the first object
    outlined = (outline_pixels(torch.full((1, 5, 6), 0.2), label) == OUTLINE).all(axis=-1)
    assert outlined.astype(int).tolist() == [
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_outlines_leave_all_other_pixels_of_a_colour_image():
    image = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert (outline_pixels(image, torch.zeros(1, 4, 4, dtype=torch.int64)) == image_pixels(image)).all()


def test_small_planes_are_enlarged_by_whole_factors():
    plane = torch.arange(6).reshape(1, 2, 3)
    assert fit_plane(plane, 7)[0].tolist() == [[0, 0, 1, 1, 2, 2]] * 2 + [[3, 3, 4, 4, 5, 5]] * 2
    assert torch.equal(fit_plane(plane, 3), plane)


def test_large_images_are_averaged_and_labels_keep_their_values():
    assert fit_plane(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 1).tolist() == [[[0.5]]]
    label = torch.randint(0, 2, (1, 37, 53), generator=torch.Generator().manual_seed(0)) * 2**40
    small = fit_plane(label, 10)
    assert small.shape == (1, 7, 10)
    assert small.unique().tolist() == [0, 2**40]


def test_a_plane_of_any_aspect_keeps_a_pixel():
    assert fit_plane(torch.zeros(1, 1000, 2), 10).shape == (1, 10, 1)


@pytest.mark.parametrize(
    ("shape", "shown"), [((3, 4, 5), (3, 4, 5)), ((2, 4, 5), (1, 4, 5)), ((1, 4, 5, 7), (1, 4, 5))], ids=str
)
def test_a_plane_has_one_or_three_channels(shape, shown):
    assert middle_plane(torch.zeros(shape)).shape == shown
