"""PNG, BMP, JPEG, TIFF and mask folders through `read_array`."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from monai_genaug.data import FormatError, read_array, write_array

COLOURS = {0: 1, 2: 3, 4: 2, 6: 4}  # samples by PNG colour type


def write_raw_png(path: Path, pixels: np.ndarray, colour_type: int) -> Path:
    """16-bit PNG (Y, X, samples), which Pillow cannot write for colours."""
    assert pixels.shape[2] == COLOURS[colour_type]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def ramp(*shape: int, dtype: type = np.uint16) -> np.ndarray:
    return (np.arange(np.prod(shape)) * 37 % np.iinfo(dtype).max).astype(dtype).reshape(shape)


def test_png_keeps_rows_before_columns(tmp_path: Path) -> None:
    pixels = ramp(3, 5, dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    array, meta = read_array(tmp_path / "a.png")
    np.testing.assert_array_equal(array, pixels[None])
    np.testing.assert_array_equal(meta["affine"], np.eye(4))


def test_png_of_16_bit_grey_keeps_its_values(tmp_path: Path) -> None:
    pixels = np.array([[0, 255, 256], [700, 40000, 65535]], np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    array, _ = read_array(tmp_path / "a.png")
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array[0], pixels)


@pytest.mark.parametrize("colour_type", [2, 6])
def test_png_of_16_bit_colour_is_not_cut_to_8_bit(tmp_path: Path, colour_type: int) -> None:
    pixels = ramp(4, 6, COLOURS[colour_type])
    array, _ = read_array(write_raw_png(tmp_path / "a.png", pixels, colour_type))
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array, np.moveaxis(pixels[..., :3], -1, 0))


def test_png_of_16_bit_grey_with_alpha_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a\.png is a 16-bit grey PNG with alpha"):
        read_array(write_raw_png(tmp_path / "a.png", ramp(2, 2, 2), 4))


@pytest.mark.parametrize(("mode", "channels"), [("LA", 1), ("RGBA", 3), ("RGB", 3)])
def test_png_alpha_is_dropped(tmp_path: Path, mode: str, channels: int) -> None:
    pixels = ramp(4, 5, len(mode), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    array, _ = read_array(tmp_path / "a.png")
    np.testing.assert_array_equal(array, np.moveaxis(pixels[..., :channels], -1, 0))


def test_palette_png_gives_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png")
    array, _ = read_array(tmp_path / "a.png")
    np.testing.assert_array_equal(array[:, 0, 1], [40, 50, 60])


def test_grey_palette_png_gives_grey_values_and_not_indices(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    image.putpalette([200, 200, 200, 7, 7, 7])
    image.save(tmp_path / "a.png")
    array, _ = read_array(tmp_path / "a.png")
    np.testing.assert_array_equal(array, [[[200, 7]]])


def test_one_bit_png_gives_0_and_1(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    array, _ = read_array(tmp_path / "a.png")
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, [[[1, 0]]])


@pytest.mark.parametrize("name", ["a.bmp", "a.JPG", "a.jpeg"])
def test_bmp_and_jpeg_are_read(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (8, 6), (10, 20, 30)).save(tmp_path / name)
    array, _ = read_array(tmp_path / name)
    assert array.shape == (3, 6, 8)
    assert abs(array[:, 3, 3].astype(int) - [10, 20, 30]).max() <= 2


def test_cmyk_jpeg_is_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 6)).save(tmp_path / "a.jpg")
    with pytest.raises(FormatError, match="colour space CMYK"):
        read_array(tmp_path / "a.jpg")


def test_animated_png_is_refused(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), value) for value in (1, 2)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(FormatError, match="animation of 2 frames"):
        read_array(tmp_path / "a.png")


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.9])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
def test_truncated_picture_raises_and_names_the_file(tmp_path: Path, name: str, fraction: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(FormatError, match=name):
        read_array(tmp_path / name)


def test_text_named_png_raises(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("<html>not found</html>")
    with pytest.raises(FormatError, match=r"a\.png cannot be read.*misnamed"):
        read_array(tmp_path / "a.png")


@pytest.mark.parametrize(("writer", "compression"), [("tifffile", None), ("tifffile", "zlib"), ("pillow", "tiff_lzw")])
def test_tiff_stack_is_read_whole(tmp_path: Path, writer: str, compression: str | None) -> None:
    stack = ramp(5, 8, 6)
    if writer == "tifffile":
        tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", compression=compression)
    else:
        pages = [Image.fromarray(page) for page in stack]
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression=compression)
    array, _ = read_array(tmp_path / "a.tif")
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array, stack[None])


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb_tiff_is_channel_first(tmp_path: Path, planar: str) -> None:
    pixels = ramp(3, 8, 6)
    data = pixels if planar == "separate" else np.moveaxis(pixels, 0, -1)
    tifffile.imwrite(tmp_path / "a.tiff", data, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(read_array(tmp_path / "a.tiff")[0], pixels)


def test_tiff_alpha_is_dropped(tmp_path: Path) -> None:
    pixels = ramp(4, 5, 4, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_array(tmp_path / "a.tif")[0], np.moveaxis(pixels[..., :3], -1, 0))


def test_imagej_hyperstack_gives_channels_and_slices(tmp_path: Path) -> None:
    data = ramp(4, 2, 8, 6)  # (Z, C, Y, X)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "ZCYX"})
    np.testing.assert_array_equal(read_array(tmp_path / "a.tif")[0], data.swapaxes(0, 1))


def test_tiff_with_time_and_depth_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(2, 3, 8, 6), imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(FormatError, match="axes TZYX"):
        read_array(tmp_path / "a.tif")


def test_tiff_with_pages_of_two_sizes_is_refused(tmp_path: Path) -> None:
    pages = [Image.new("L", (4, 4)), Image.new("L", (5, 5))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(FormatError, match="holds 2 images"):
        read_array(tmp_path / "a.tif")


def test_palette_tiff_is_refused(tmp_path: Path) -> None:
    Image.new("P", (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(FormatError, match="colour table"):
        read_array(tmp_path / "a.tif")


def test_rgb_tiff_with_lzw_and_predictor_is_read(tmp_path: Path) -> None:
    pixels = ramp(6, 5, 3, dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={317: 2})
    np.testing.assert_array_equal(read_array(tmp_path / "a.tif")[0], np.moveaxis(pixels, -1, 0))


def test_tiff_with_an_unknown_compression_says_what_to_do(tmp_path: Path) -> None:
    Image.new("1", (8, 6)).save(tmp_path / "a.tif", compression="group4")
    with pytest.raises(FormatError, match=r"compression CCITT\w+, expected none.*imagecodecs"):
        read_array(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_tiff_with_white_as_zero_is_turned(tmp_path: Path, compression: str | None) -> None:
    pixels = np.array([[0, 100, 255]], np.uint8)
    if compression is None:
        tifffile.imwrite(tmp_path / "a.tif", 255 - pixels, photometric="miniswhite")
    else:
        Image.fromarray(255 - pixels).save(tmp_path / "a.tif", compression=compression, tiffinfo={262: 0})
    np.testing.assert_array_equal(read_array(tmp_path / "a.tif")[0], pixels[None])


def test_tiff_stack_cut_after_some_pages_raises(tmp_path: Path) -> None:
    pages = [Image.fromarray(page) for page in ramp(5, 40, 30)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: int(len(content) * 0.6)])  # three whole pages are left
    with pytest.raises(FormatError, match=r"a\.tif ends after page 3"):
        read_array(tmp_path / "a.tif")


def test_mask_folder_numbers_masks_by_name(tmp_path: Path) -> None:
    for number, name in enumerate(["b", "a", "c"]):
        mask = np.zeros((1, 3, 4), np.uint8)
        mask[0, number] = 255
        write_array(tmp_path / f"{name}.png", mask)
    array, _ = read_array(tmp_path)
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array[0, :, 0], [2, 1, 3])


def test_overlapping_masks_leave_the_pixel_to_the_first(tmp_path: Path) -> None:
    write_array(tmp_path / "a.png", np.array([[[9, 9, 0]]], np.uint8))
    write_array(tmp_path / "b.png", np.array([[[0, 9, 9]]], np.uint8))
    np.testing.assert_array_equal(read_array(tmp_path)[0], [[[1, 1, 2]]])


def test_more_than_255_masks_keep_their_numbers(tmp_path: Path) -> None:
    for number in range(300):
        mask = np.zeros((1, 1, 300), np.uint8)
        mask[0, 0, number] = 1
        write_array(tmp_path / f"{number:03}.png", mask)
    np.testing.assert_array_equal(read_array(tmp_path)[0][0, 0], np.arange(1, 301))


def test_masks_of_different_size_raise_and_name_the_file(tmp_path: Path) -> None:
    write_array(tmp_path / "a.png", np.ones((1, 3, 4), np.uint8))
    write_array(tmp_path / "b.png", np.ones((1, 4, 3), np.uint8))
    with pytest.raises(FormatError, match=r"b\.png is \(4, 3\), but a\.png is \(3, 4\)"):
        read_array(tmp_path)


def test_folder_without_masks_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no PNG masks"):
        read_array(tmp_path)


def test_mask_folder_of_the_data_science_bowl_holds_each_nucleus(real_data) -> None:
    for sample in (real_data("dsb2018_layout") / "stage1_train").iterdir():
        image, _ = read_array(next((sample / "images").iterdir()))
        label, _ = read_array(sample / "masks")
        assert image.shape[0] == 3
        assert label.shape == (1, *image.shape[1:])
        assert len(np.unique(label)) - 1 == len(list((sample / "masks").iterdir()))
