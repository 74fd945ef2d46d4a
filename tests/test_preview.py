"""The picture of real and synthetic pairs, and its table of intensities."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Randomizable
from PIL import Image, ImageDraw

from monai_genaug._rng import derive_seed
from monai_genaug.data import load_datalist, load_items, write_array
from monai_genaug.generators import ModuleGenerator, load_generator
from monai_genaug.masks import BinaryEncoding, LabelDeformation
from monai_genaug.pictures import fit_plane, image_pixels, label_pixels, outline_pixels
from monai_genaug.preview import CELL, HEADINGS, preview
from monai_genaug.synthesis import synthesize
from tests.helpers import save_untrained, write_pairs


class Same(Randomizable):
    """A mask sampler that keeps labels."""

    def __call__(self, label):
        return label


def mask_generator(channels: int = 1) -> ModuleGenerator:
    """Make images that are 0.75 in the label and 0.25 outside."""
    network = torch.nn.Conv2d(1, channels, 1)
    torch.nn.init.constant_(network.weight, 0.5)
    torch.nn.init.constant_(network.bias, 0.25)
    return ModuleGenerator(
        network, spatial_dims=2, image_channels=channels, encoding=BinaryEncoding(), output_range=(0, 1)
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    """Folders of a generator and of five pairs, of which three are for training."""
    root = tmp_path_factory.mktemp("preview")
    return save_untrained(root / "generator"), write_pairs(root / "data", 5)


@pytest.fixture
def texts(monkeypatch) -> list[str]:
    """Collect what is written into pictures."""
    written: list[str] = []
    draw = ImageDraw.ImageDraw.text

    def spy(self, xy, text, *args, **kwargs):
        written.append(text)
        right = xy[0] + kwargs["font"].getlength(text)
        assert right <= self.im.size[0], f"{text!r} runs out of the picture"
        return draw(self, xy, text, *args, **kwargs)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", spy)
    return written


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def left_of(picture: np.ndarray, cell: np.ndarray) -> int | None:
    """Find the column of a picture in which a cell begins."""
    height, width = cell.shape[:2]
    rows, columns = (size - side + 1 for size, side in zip(picture.shape, cell.shape[:2], strict=False))
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (height // 2, width // 2)]
    fits = np.ones((rows, columns), dtype=bool)
    for y, x in corners:
        fits &= (picture[y : y + rows, x : x + columns] == cell[y, x]).all(axis=-1)
    for y, x in np.argwhere(fits):
        if (picture[y : y + height, x : x + width] == cell).all():
            return int(x)
    return None


def chosen_item(result: Any, data: Path) -> dict[str, Any]:
    """Load the item of a table's first row."""
    name = result.table.splitlines()[3].split()[0]
    return next(item for item in load_items(load_datalist(data)["training"]) if item["name"].startswith(name))


def test_a_row_shows_what_a_chain_would_feed_from_left_to_right(tmp_path, folders):
    generator, data = folders
    result = preview(generator, data, tmp_path / "a.png", count=1, seed=3)
    item = chosen_item(result, data)
    made = synthesize(
        load_generator(generator),
        item["label"][None],
        [derive_seed(3, "preview", 0)],
        images=item["image"][None],
        mask_sampler=LabelDeformation(),
    )
    image, label, new, synthetic = (
        fit_plane(plane, CELL) for plane in (item["image"], item["label"], made.labels[0], made.images[0])
    )
    cells = [
        image_pixels(image),
        label_pixels(label),
        label_pixels(new),
        image_pixels(synthetic),
        outline_pixels(synthetic, new),
    ]
    picture = pixels_of(result.path)
    lefts = [left_of(picture, cell) for cell in cells]
    assert None not in lefts
    assert lefts == sorted(set(lefts))


def test_title_headings_item_names_and_sources_are_written_into_the_picture(tmp_path, folders, texts):
    preview(*folders, tmp_path / "a.png", count=3, seed=5)
    together = " ".join(texts)
    assert set(HEADINGS) <= set(texts)
    assert "Generator generator, data set data, 3 of 3 training items, seed 5." in together
    names = {Path(entry["image"]).stem for entry in load_datalist(folders[1])["training"]}
    assert {text.split("   ")[0] for text in texts if text.endswith("20 x 24 pixels")} == names


def test_the_table_gives_mean_and_deviation_inside_and_outside_the_label(tmp_path, folders):
    data = folders[1]
    result = preview(mask_generator(), data, tmp_path / "a.png", count=1, mask_sampler=Same())
    item = chosen_item(result, data)
    inside = item["label"] > 0
    spreads = [
        f"{part.mean():.3f} ± {part.std():.3f}"
        for part in (item["image"][inside].numpy(), item["image"][~inside].numpy())
    ]
    for line in result.table.splitlines()[3:5]:
        assert line.split("  ")[-4:] == [spreads[0], "0.750 ± 0.000", spreads[1], "0.250 ± 0.000"]


def test_colour_images_have_one_line_a_channel(tmp_path):
    data = write_pairs(tmp_path / "data", 1, channels=3)
    table = preview(mask_generator(3), data, tmp_path / "a.png").table
    rows = [line for line in table.splitlines() if "±" in line][1:]
    assert [row[:14] for row in rows] == ["0             ", *(f"all, channel {number}" for number in (1, 2, 3))]
    assert all("0.750 ± 0.000" in row for row in rows)


def test_an_empty_label_has_no_inside(tmp_path, texts):
    data = write_pairs(tmp_path / "data", 1)
    write_array(data / "labels/0.png", np.zeros((1, 20, 24), np.uint8))
    table = preview(mask_generator(), data, tmp_path / "a.png").table
    assert table.splitlines()[3].split()[:3] == ["0", "none", "none"]
    assert "0   20 x 24 pixels, real and new label empty here" in texts


def test_one_pixel_has_no_deviation(tmp_path):
    data = write_pairs(tmp_path / "data", 1)
    label = np.zeros((1, 20, 24), np.uint8)
    label[0, 3, 4] = 1
    write_array(data / "labels/0.png", label)
    table = preview(mask_generator(), data, tmp_path / "a.png", mask_sampler=Same()).table
    assert table.splitlines()[3].split()[3] == "0.000"


def test_equal_seeds_give_equal_pictures_and_others_differ(tmp_path, folders):
    files = [preview(*folders, tmp_path / f"{n}.png", count=2, seed=seed).path for n, seed in enumerate((1, 1, 2))]
    first, second, other = (file.read_bytes() for file in files)
    assert first == second
    assert first != other


def test_the_global_generators_are_left_alone(tmp_path, folders):
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    preview(*folders, tmp_path / "a.png", count=1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()


def test_a_larger_count_adds_rows_to_the_first_ones(tmp_path, folders):
    few = preview(*folders, tmp_path / "a.png", count=1).table.splitlines()
    many = preview(*folders, tmp_path / "b.png", count=9).table.splitlines()
    assert many[3].split() == few[3].split()
    assert [line.split()[0] for line in many[4:7]][-1] == "all"


def test_only_the_chosen_items_are_read(tmp_path, folders):
    generator, source = folders
    data = Path(shutil.copytree(source, tmp_path / "data"))
    before = preview(generator, data, tmp_path / "a.png", count=1)
    kept = chosen_item(before, data)["name"]
    for file in data.glob("*/*.png"):
        if file.stem != kept:
            file.write_bytes(b"no image")
    assert preview(generator, data, tmp_path / "b.png", count=1).table == before.table


def test_of_volumes_the_middle_slice_of_the_last_axis_is_shown_and_the_heading_says_so(tmp_path, texts):
    generator = save_untrained(tmp_path / "generator", spatial_dims=3)
    data = write_pairs(tmp_path / "data", 1, size=(16, 18, 12))
    result = preview(generator, data, tmp_path / "a.png")
    [item] = load_items(load_datalist(data)["training"])
    picture = pixels_of(result.path)
    assert left_of(picture, image_pixels(fit_plane(item["image"][..., 6], CELL))) is not None
    assert left_of(picture, image_pixels(fit_plane(item["image"][..., 5], CELL))) is None
    assert texts.count("middle slice of the last axis") == len(HEADINGS)
    assert any("16 x 18 x 12 voxels, slice 7 of 12" in text for text in texts)
    assert "over whole volumes" in result.table


def test_of_other_channels_the_first_is_shown_and_the_heading_says_so(tmp_path, texts):
    image = np.random.default_rng(0).random((4, 10, 12), dtype=np.float32)
    write_array(tmp_path / "data/images/0.tif", image)
    write_array(tmp_path / "data/labels/0.tif", np.eye(10, 12, dtype=np.uint8)[None])
    result = preview(mask_generator(4), tmp_path / "data", tmp_path / "a.png")
    [item] = load_items(load_datalist(tmp_path / "data")["training"])
    assert left_of(pixels_of(result.path), image_pixels(fit_plane(item["image"][:1], CELL))) is not None
    assert texts.count("channel 1 of 4") == 3


def test_wide_images_are_shrunk_to_the_cell(tmp_path):
    data = write_pairs(tmp_path / "data", 1, size=(520, 696))
    result = preview(mask_generator(), data, tmp_path / "a.png", mask_sampler=Same())
    [item] = load_items(load_datalist(data)["training"])
    picture = pixels_of(result.path)
    cell = label_pixels(fit_plane(item["label"], CELL))
    assert cell.shape == (239, 320, 3)
    assert left_of(picture, cell) is not None
    assert picture.shape[1] < 5.5 * CELL


def test_long_names_are_shortened(tmp_path, texts):
    data = write_pairs(tmp_path / "data", 1)
    name = "b" + 200 * "a" + "c"
    for folder in ("images", "labels"):
        (data / folder / "0.png").rename(data / folder / f"{name}.png")
    table = preview(mask_generator(), data, tmp_path / "a.png").table
    [row] = [text for text in texts if text.endswith("20 x 24 pixels")]
    assert row[0] == "b"
    assert "aa...aa" in row
    assert "ac   20" in row
    assert table.splitlines()[3].startswith("baaaaaaaaaa...aaaaaaaaac  ")


def write_objects(path: Path, count: int) -> None:
    """Write a label of objects that each have a value of their own."""
    label = np.zeros((1, 20, 24), np.uint8)
    for value in range(count):
        label[0, 2:6, 1 + 3 * value : 3 + 3 * value] = value + 1
    write_array(path, label)


def test_labels_that_look_like_instances_are_kept_apart(tmp_path, texts):
    data = write_pairs(tmp_path / "data", 5)
    for number in range(5):
        write_objects(data / f"labels/{number}.png", 3 + number)
    preview(mask_generator(), data, tmp_path / "a.png")
    assert "LabelDeformation(instances=True) makes" in " ".join(texts)


def test_classes_of_a_one_hot_generator_stay_classes(tmp_path, texts):
    data = write_pairs(tmp_path / "data", 5)
    for number in range(5):
        write_objects(data / f"labels/{number}.png", 2 + number % 2)
    preview(save_untrained(tmp_path / "generator", num_classes=3), data, tmp_path / "a.png")
    assert "LabelDeformation makes" in " ".join(texts)


def test_the_given_mask_sampler_is_used_and_named(tmp_path, folders, texts):
    result = preview(mask_generator(), folders[1], tmp_path / "a.png", count=1, mask_sampler=Same())
    made = (chosen_item(result, folders[1])["label"] > 0).float() / 2 + 0.25
    assert left_of(pixels_of(result.path), image_pixels(fit_plane(made, CELL))) is not None
    assert "Same makes a new label" in " ".join(texts)


def test_an_earlier_picture_is_replaced_and_nothing_else_is_left(tmp_path, folders):
    out = tmp_path / "new/a.JPG"
    preview(*folders, out, count=1)
    first = out.read_bytes()
    preview(*folders, out, count=1, seed=1)
    assert out.read_bytes() != first
    assert Image.open(out).format == "JPEG"
    assert [file.name for file in out.parent.iterdir()] == ["a.JPG"]


@pytest.mark.parametrize(("name", "channels"), [("dsb2018_fluorescence", 1), ("dsb2018_histology", 3)])
def test_real_images_can_be_previewed(tmp_path, real_data, texts, name, channels):
    generator = save_untrained(tmp_path / "generator", image_channels=channels)
    result = preview(generator, real_data(name), tmp_path / "a.png", count=2)
    assert "nan" not in result.table
    assert f"data set {name}" in " ".join(texts)
    assert "LabelDeformation(instances=True)" in " ".join(texts)
