"""A look at what augmentation would feed: real pairs beside the synthetic pairs made of them, in one picture."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from monai.transforms import Randomizable
from torch import Tensor

from monai_genaug._checks import check_device
from monai_genaug._rng import derive_seed
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.data import describe_datalist, load_datalist, load_items, replacing
from monai_genaug.generators import ConditionalGenerator, GeneratorHandle
from monai_genaug.masks import LabelDeformation, OneHotEncoding
from monai_genaug.pictures import Pixels, fit_plane, image_pixels, label_pixels, middle_plane, outline_pixels
from monai_genaug.transforms import GenerativeAugment

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SUFFIXES = (".png", ".jpg")
CELL = 320  # longest side of an image in the picture, pixels
MARGIN, GAP = 20, 12
TITLE_SIZE, TEXT_SIZE, NOTE_SIZE = 24, 18, 15
INK, NOTE_INK, RULE = (20, 20, 28), (90, 90, 100), (205, 205, 212)
TITLE = "Real pairs, and the synthetic pairs that augmentation makes of them"
HEADINGS = ("real image", "its label", "new label", "synthetic image", "synthetic, new label outlined")
ADVICE = """\
Synthetic should be like real inside the label and outside. If it is darker, brighter or flatter throughout, the
generator was trained on images of another scaling or kind. Real images are scaled here as in training, to [0, 1] by
monai_genaug.data.scale_to_unit: your own chain must give images like these at the place of GenerativeAugmentd, or tell
it by value_range which of its intensities stand for 0 and 1."""


class PreviewResult(NamedTuple):
    """What a preview wrote and measured.

    Args:
        path: the picture.
        table: intensities of real and synthetic images inside and outside their labels, as text for people.
    """

    path: Path
    table: str


class _Pair(NamedTuple):
    """A real pair and the synthetic pair made of it, images (C, *S) and labels (1, *S)."""

    name: str
    image: Tensor
    label: Tensor
    synthetic: Tensor
    new_label: Tensor


def preview(
    generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator,
    data_dir: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    count: int = 4,
    seed: int = 0,
    device: str | torch.device = "cpu",
    mask_sampler: Randomizable | None = None,
) -> PreviewResult:
    """Draw real training pairs beside the synthetic pairs that `GenerativeAugment` makes of them.

    Args:
        generator: a folder that training wrote, the name of a shipped bundle, a handle or a live generator.
        data_dir: what `load_datalist` understands; only the chosen training items are read.
        out: the picture, ``.png`` or ``.jpg``; folders are made, an earlier file is replaced.
        count: how many items to show, at least 1; all if there are fewer.
        seed: of the choice of items and of what is made of them; a larger count adds rows to the same first ones.
        device: where the network of a folder or bundle runs.
        mask_sampler: makes the new labels; by default `LabelDeformation`, which keeps instances apart where the labels
            look like instances.

    Returns:
        The picture's path and the table of intensities.

    Raises:
        FileNotFoundError: if there is no such generator or data set.
        ValueError: if `out` has another suffix, the data set cannot be read, or generator and data do not fit.

    Example:
        >>> preview("no_such_bundle", "no_such_folder", "preview.gif")
        Traceback (most recent call last):
            ...
        ValueError: out is 'preview.gif', expected a name ending in .png or .jpg: pass for example preview.png.
    """
    path = Path(out)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"out is {os.fspath(out)!r}, expected a name ending in {' or '.join(SUFFIXES)}: "
            "pass for example preview.png."
        )
    augment = GenerativeAugment(generator, prob=1.0, mask_sampler=mask_sampler, device=check_device(device))
    listed = load_datalist(data_dir)["training"]
    chosen = _choose(listed, count, seed)
    instances = _check_fit(augment.handle.load(), augment.handle.name, chosen)
    if mask_sampler is None:
        augment.mask_sampler = LabelDeformation(instances=instances)
    pairs = []
    for row, item in enumerate(load_items(chosen)):
        image, label = augment.apply(item["image"], item["label"], derive_seed(seed, "preview", row))
        pairs.append(_Pair(item["name"], item["image"], item["label"], as_plain_tensor(image), as_plain_tensor(label)))
    sampler = type(augment.mask_sampler).__name__ + ("(instances=True)" if mask_sampler is None and instances else "")
    source = Path(data_dir).expanduser().resolve()
    note = (
        f"Generator {augment.handle.name}, data set {source.parent.name if source.suffix == '.json' else source.name}, "
        f"{len(pairs)} of {len(listed)} training items, seed {seed}. Each row begins with a real pair: {sampler} makes "
        "a new label out of the real one, and the generator makes the synthetic image of the new label. In labels each "
        "value has a colour of its own. In the last column, look whether objects fill their outlines."
    )
    _write_picture(path, pairs, note)
    return PreviewResult(path, _tabulate(pairs))


def _choose(listed: Sequence[Mapping[str, Any]], count: int, seed: int) -> list[Mapping[str, Any]]:
    """Choose entries by the seed."""
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1 row: pass for example count=4.")
    order = np.random.default_rng(derive_seed(seed, "preview")).permutation(len(listed))
    return [listed[index] for index in order[:count]]


def _check_fit(generator: ConditionalGenerator, name: str, entries: Sequence[Mapping[str, Any]]) -> bool:
    """Refuse images that the generator does not make; say whether the labels are instances to it."""
    found = describe_datalist(entries, None)
    if (found.channels, found.spatial_dims) != (generator.image_channels, generator.spatial_dims):
        raise ValueError(
            f"the generator {name} makes {generator.spatial_dims}D images of {generator.image_channels} channel(s), "
            f"the data set has {found.spatial_dims}D images of {found.channels} channel(s): pass a generator that was "
            "trained on such images, or the data set that it was trained on."
        )
    return found.label_kind == "instances" and not isinstance(generator.encoding, OneHotEncoding)


def _tabulate(pairs: Sequence[_Pair]) -> str:
    """Write means and standard deviations of intensities, for each item and for all."""
    channels = pairs[0].image.shape[0]
    names = [_shorten(pair.name, 24) for pair in pairs]
    names += [f"all, channel {number + 1}" for number in range(channels)] if channels > 1 else ["all"]
    columns = [
        _spreads([(image, label > 0 if inside else label == 0) for image, label in images])
        for inside in (True, False)
        for images in ([pair[1:3] for pair in pairs], [pair[3:5] for pair in pairs])
    ]
    width = max(map(len, names))
    lines = [
        "Intensities, mean ± standard deviation" + (", over whole volumes" if pairs[0].image.ndim == 4 else ""),
        f"{'':{width}}  {'inside the label':30}outside the label",
        f"{'':{width}}  " + f"{'real':15}{'synthetic':15}" * 2,
    ]
    for name, *row in zip(names, *columns, strict=True):
        lines.append(f"{name:{width}}  " + "".join(f"{spread:15}" for spread in row))
    return "\n".join([line.rstrip() for line in lines] + ["", ADVICE])


def _spreads(parts: Sequence[tuple[Tensor, Tensor]]) -> list[str]:
    """Write mean and standard deviation of images (C, *S) in their regions (1, *S): of each, then of each channel."""
    values = [image[:, region[0]] for image, region in parts]  # (C, N)
    return [
        f"{part.mean().item():.3f} ± {part.std(correction=0).item():.3f}" if part.numel() else "none"
        for part in (*values, *torch.cat(values, dim=1))
    ]


def _shorten(text: str, length: int) -> str:
    """Leave out the middle of a text that is too long."""
    if len(text) <= length:
        return text
    kept = max(2, length - 3)
    return text[: (kept + 1) // 2] + "..." + text[len(text) - kept // 2 :]


def _write_picture(path: Path, pairs: Sequence[_Pair], note: str) -> None:
    """Draw the note, the headings and a row for each pair, one below the other."""
    from PIL import Image

    channels, *size = pairs[0].image.shape
    of_labels = "middle slice of the last axis" if len(size) == 3 else ""
    of_images = of_labels if channels in (1, 3) else f"{of_labels}, channel 1 of {channels}".removeprefix(", ")
    hints = [of_images, of_labels, of_labels, of_images, of_images]
    rows = [_cells(pair) for pair in pairs]
    lefts = [MARGIN]
    for heading, hint, *cells in zip(HEADINGS, hints, *rows, strict=True):
        texts = _length(heading, TEXT_SIZE), _length(hint, NOTE_SIZE)
        lefts.append(lefts[-1] + max(*texts, *(cell.shape[1] for cell in cells)) + GAP)
    width = lefts.pop() - GAP + MARGIN

    strips = [_draw_note(note, width), _draw_headings(lefts, hints, width)]
    strips += [_draw_row(_row_name(pair, width), row, lefts, width) for pair, row in zip(pairs, rows, strict=True)]
    canvas = Image.new("RGB", (width, sum(strip.height for strip in strips)), "white")
    top = 0
    for strip in strips:
        canvas.paste(strip, (0, top))
        top += strip.height
    with replacing(path) as hidden:
        canvas.save(hidden, quality=92, subsampling=0)  # of JPEG: keeps coloured outlines sharp


def _draw_note(note: str, width: int) -> Image.Image:
    """Draw the title and below it what the picture shows."""
    lines = [""]
    for word in note.split():
        if _length(longer := f"{lines[-1]} {word}".strip(), NOTE_SIZE) <= width - 2 * MARGIN:
            lines[-1] = longer
        else:
            lines.append(word)
    top, step = MARGIN + TITLE_SIZE + 8, NOTE_SIZE + 5
    strip, draw = _strip(width, top + step * len(lines) + GAP)
    draw.text((MARGIN, MARGIN - 4), TITLE, INK, font=_font(TITLE_SIZE))
    for number, line in enumerate(lines):
        draw.text((MARGIN, top + step * number), line, NOTE_INK, font=_font(NOTE_SIZE))
    return strip


def _draw_headings(lefts: Sequence[int], hints: Sequence[str], width: int) -> Image.Image:
    """Draw the headings of the columns, and below each what else is to be known of it."""
    strip, draw = _strip(width, TEXT_SIZE + 12 + (NOTE_SIZE + 5 if any(hints) else 0))
    for left, heading, hint in zip(lefts, HEADINGS, hints, strict=True):
        draw.text((left, 0), heading, INK, font=_font(TEXT_SIZE))
        draw.text((left, TEXT_SIZE + 6), hint, NOTE_INK, font=_font(NOTE_SIZE))
    return strip


def _draw_row(name: str, cells: Sequence[Pixels], lefts: Sequence[int], width: int) -> Image.Image:
    """Draw a line, the row's name and its images."""
    from PIL import Image

    top = NOTE_SIZE + 14
    strip, draw = _strip(width, top + max(cell.shape[0] for cell in cells) + GAP + 4)
    draw.line((MARGIN, 0, width - MARGIN, 0), RULE)
    draw.text((MARGIN, 6), name, INK, font=_font(NOTE_SIZE))
    for left, cell in zip(lefts, cells, strict=True):
        strip.paste(Image.fromarray(cell), (left, top))
    return strip


def _cells(pair: _Pair) -> list[Pixels]:
    """Draw the images of one row."""
    image, label, synthetic, new = (fit_plane(middle_plane(tensor), CELL) for tensor in pair[1:])
    return [
        image_pixels(image),
        label_pixels(label),
        label_pixels(new),
        image_pixels(synthetic),
        outline_pixels(synthetic, new),
    ]


def _row_name(pair: _Pair, width: int) -> str:
    """Name a row by its item and size, short enough for the picture."""
    size = pair.image.shape[1:]
    about = f"   {' x '.join(map(str, size))} {'pixels' if len(size) == 2 else 'voxels'}"
    if len(size) == 3:
        about += f", slice {size[-1] // 2 + 1} of {size[-1]}"
    empty = [kind for kind, at in (("real", pair.label), ("new", pair.new_label)) if not middle_plane(at).any()]
    about += f", {' and '.join(empty)} label empty here" if empty else ""
    length = len(pair.name)
    while length > 5 and _length(_shorten(pair.name, length) + about, NOTE_SIZE) > width - 2 * MARGIN:
        length -= 1
    return _shorten(pair.name, length) + about


def _strip(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Give a white picture and what draws on it."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (width, height), "white")
    return strip, ImageDraw.Draw(strip)


def _length(text: str, size: int) -> int:
    """Give the pixels that a line of text takes."""
    return math.ceil(_font(size).getlength(text))


def _font(size: int) -> Any:
    """Give Pillow's own font, which every machine has."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
