"""Pictures without geometry: PNG, BMP, JPEG, TIFF, and folders with one mask for each object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from monai_genaug.data._errors import FormatError

Volume = tuple[np.ndarray, np.ndarray]  # (C, *S) and its affine (4, 4)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY_ALPHA = 4  # PNG colour type, https://www.w3.org/TR/png-3/#6Colour-values
MASK_LIMIT = np.iinfo(np.uint16).max


def read_picture(path: Path) -> Volume:
    """Read a PNG, BMP or JPEG; rows stay the first spatial axis, alpha is dropped, palettes become their colours.

    Args:
        path: the file.

    Returns:
        Array (C, Y, X) with C = 1 or 3, uint8 or uint16 (one-bit pictures: 0 and 1), and the identity (4, 4).

    Raises:
        FormatError: for animations and for colour spaces other than grey and RGB.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     read_picture(write_array(f"{folder}/a.png", np.array([[[0, 700]]], np.uint16)))[0]
        array([[[  0, 700]]], dtype=uint16)
    """
    from PIL import Image

    depth, colour_type = _png_header(path)
    if depth == 16 and colour_type not in (0, None):
        return _read_deep_colour(path, colour_type), np.eye(4)
    with Image.open(path, formats=("PNG", "BMP", "JPEG")) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise FormatError(f"{path} is an animation of {image.n_frames} frames: save a stack as TIFF instead.")
        image.load()
        pixels = _grey_if_equal(np.asarray(image.convert("RGB"))) if image.mode in ("P", "PA") else np.asarray(image)
        mode = image.mode
    if mode not in ("1", "L", "LA", "I", "I;16", "RGB", "RGBA", "P", "PA"):
        raise FormatError(f"{path} has the colour space {mode}, expected grey or RGB: save it as RGB.")
    if mode == "1":
        pixels = pixels.astype(np.uint8)
    elif mode == "I":  # Pillow gives some 16-bit greys as int32
        pixels = pixels.astype(np.uint16)
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels[None]), np.eye(4)
    colours = pixels.shape[2] - (mode in ("LA", "RGBA"))
    return np.ascontiguousarray(np.moveaxis(pixels[..., :colours], -1, 0)), np.eye(4)


def _png_header(path: Path) -> tuple[int | None, int | None]:
    """Bit depth and colour type of a PNG, None for other formats."""
    with path.open("rb") as file:
        head = file.read(26)
    return (head[24], head[25]) if len(head) == 26 and head.startswith(PNG_SIGNATURE) else (None, None)


def _read_deep_colour(path: Path, colour_type: int | None) -> np.ndarray:
    """Colour PNG of 16 bit as (3, Y, X); Pillow would cut it to 8 bit."""
    import SimpleITK

    if colour_type == GREY_ALPHA:
        raise FormatError(f"{path} is a 16-bit grey PNG with alpha: save it without the alpha channel.")
    pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO="PNGImageIO"))  # (Y, X, 3 or 4)
    return np.ascontiguousarray(np.moveaxis(pixels[..., :3], -1, 0))


def _grey_if_equal(pixels: np.ndarray) -> np.ndarray:
    """One channel (Y, X) of an RGB picture (Y, X, 3) that holds greys only, otherwise the picture."""
    return pixels[..., 0] if (pixels == pixels[..., :1]).all() else pixels


def read_tiff(path: Path) -> Volume:
    """Read a TIFF whole: pages become the first spatial axis, samples and the axis C become channels.

    Args:
        path: the file; uncompressed, or by deflate, LZW, packbits or zstd (others need the package imagecodecs).

    Returns:
        Array (C, Y, X) or (C, Z, Y, X) in the file's own type, alpha dropped, and the identity (4, 4).

    Raises:
        FormatError: for several images of different size, palettes, more than one stack axis, missing pages.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     read_tiff(write_array(f"{folder}/a.tif", np.zeros((1, 5, 8, 6), np.uint16)))[0].shape
        (1, 5, 8, 6)
    """
    import tifffile

    with tifffile.TiffFile(path) as tif:
        _check_chain(path, tif)
        if len(tif.series) != 1:
            sizes = ", ".join(str(series.shape) for series in tif.series)
            raise FormatError(f"{path} holds {len(tif.series)} images of shapes {sizes}: save each to its own file.")
        series = tif.series[0]
        page = series.keyframe
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            raise FormatError(f"{path} has a colour table: save it as grey (ImageJ: Lookup Tables > Grays) or as RGB.")
        if page.compression in tifffile.TIFF.DECOMPRESSORS:
            pixels = series.asarray()
            if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:  # libtiff turns it by itself
                pixels = (2**page.bitspersample - 1 - pixels.astype(np.int64)).astype(pixels.dtype)
        else:
            pixels = _read_by_libtiff(path, series)
        array = _channels_first(path, pixels, series.axes)
        array = array[: array.shape[0] - len(page.extrasamples)] if "S" in series.axes else array
    return np.ascontiguousarray(array.astype(np.uint8) if array.dtype == bool else array), np.eye(4)


def _check_chain(path: Path, tif: Any) -> None:
    """Raise if the last page that was found points to another one: the file is cut short."""
    form, file = tif.tiff, tif.filehandle
    offset = tif.pages[-1].offset
    file.seek(offset)
    tags = int.from_bytes(file.read(form.tagnosize), _order(form))
    file.seek(offset + form.tagnosize + tags * form.tagsize)
    if int.from_bytes(file.read(form.offsetsize), _order(form)):
        raise FormatError(f"{path} ends after page {len(tif.pages)}, but announces more: the file is cut short.")


def _order(form: Any) -> Any:
    """Byte order of a TIFF as Python names it."""
    return "little" if form.byteorder == "<" else "big"


def _read_by_libtiff(path: Path, series: Any) -> np.ndarray:
    """Pixels of a TIFF that tifffile alone cannot decode, in the type and shape that the file's structure promises."""
    import SimpleITK
    import tifffile

    compression = tifffile.COMPRESSION(series.keyframe.compression)
    if compression != tifffile.COMPRESSION.LZW:
        raise FormatError(
            f"{path} has the compression {compression.name}, expected none, deflate, LZW, packbits or zstd: save it "
            "with one of these, or install the package imagecodecs."
        )
    pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO="TIFFImageIO"))
    if pixels.shape != tuple(series.shape) or pixels.dtype != series.dtype:
        raise FormatError(
            f"{path} is {series.dtype} {tuple(series.shape)} with LZW compression, which decodes to {pixels.dtype} "
            f"{pixels.shape}: save it uncompressed or with deflate compression."
        )
    return pixels


def _channels_first(path: Path, pixels: np.ndarray, axes: str) -> np.ndarray:
    """Order TIFF axes into (C, Y, X) or (C, Z, Y, X), whatever letter the stack axis has."""
    kept = [i for i, letter in enumerate(axes) if letter in "YX" or pixels.shape[i] > 1]
    letters = [axes[i] for i in kept]
    channels = [letter for letter in letters if letter in "SC"]
    stack = [letter for letter in letters if letter not in "SCYX"]
    if len(channels) > 1 or len(stack) > 1:
        raise FormatError(
            f"{path} has the axes {axes} of lengths {pixels.shape}, expected rows, columns, at most one stack axis and "
            "one channel axis: save each time point or view to its own file."
        )
    pixels = pixels.reshape([pixels.shape[i] for i in kept])
    pixels = pixels.transpose([letters.index(letter) for letter in (*channels, *stack, "Y", "X")])
    return pixels if channels else pixels[None]


def read_mask_folder(folder: Path) -> Volume:
    """Merge a folder of PNG masks, one for each object, into one instance map, as the 2018 Data Science Bowl needs.

    Masks count from 1 in the order of their file names. Where masks overlap, the first of them keeps the pixel.

    Args:
        folder: holds the PNG files; a pixel belongs to the object where any colour is not 0.

    Returns:
        Array (1, Y, X), uint16, 0 = background, and the identity (4, 4).

    Raises:
        FormatError: if masks differ in size, or are more than 65535.
        FileNotFoundError: if there is no PNG in the folder.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, mask in {"a": [255, 0, 0], "b": [0, 0, 255]}.items():
        ...         _ = write_array(f"{folder}/{name}.png", np.array([[mask]], np.uint8))
        ...     read_mask_folder(Path(folder))[0]
        array([[[1, 0, 2]]], dtype=uint16)
    """
    files = sorted(file for file in folder.glob("*.png") if not file.name.startswith("."))
    if not files:
        raise FileNotFoundError(f"{folder} holds no PNG masks: a folder is read as one PNG mask for each object.")
    if len(files) > MASK_LIMIT:
        raise FormatError(f"{folder} holds {len(files)} masks, expected at most {MASK_LIMIT}.")
    first, affine = read_picture(files[0])
    merged = np.zeros((1, *first.shape[1:]), np.uint16)
    for number, file in enumerate(files, start=1):
        mask = read_picture(file)[0].any(axis=0, keepdims=True)
        if mask.shape != merged.shape:
            raise FormatError(
                f"{file} is {mask.shape[1:]}, but {files[0].name} is {merged.shape[1:]}: all masks of one image "
                "must have its size."
            )
        merged[mask & (merged == 0)] = number
    return merged, affine
