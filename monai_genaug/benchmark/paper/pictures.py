"""Images of some masks as they get better in the course of a training, in one figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monai_genaug.data import replacing
from monai_genaug.pictures import fit_plane, image_pixels, label_pixels, middle_plane

CELL, GAP, TEXT_SIZE = 176, 6, 15  # pixels
INK = (20, 20, 28)


class Snapshots:
    """Keeps the images that a generator makes after chosen epochs of its training, which calls it as its `progress`.

    When the first iteration of an epoch is told of, the generator of the epoch before has been saved; `take` is for the
    last epoch. What is there already is kept, so that a training that goes on repeats nothing.

    Args:
        folder: for the images, one file an epoch.
        epochs: after which to keep them.
        epoch_length: iterations of an epoch.
        make: loads the saved generator and gives its images.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     snapshots = Snapshots(Path(folder), [1, 2], 5, lambda: [torch.zeros(1, 4, 4)])
        ...     for done in range(1, 11):
        ...         snapshots(done, 10, {})
        ...     snapshots.take(2)
        ...     len(snapshots.load())
        2
    """

    def __init__(
        self, folder: Path, epochs: Iterable[int], epoch_length: int, make: Callable[[], Sequence[Tensor]]
    ) -> None:
        self.folder, self.epochs, self.epoch_length, self.make = folder, list(epochs), epoch_length, make

    def __call__(self, done: int, total: int, losses: dict[str, float]) -> None:
        """Take the images of the epoch that ended before this iteration, if it is one of those chosen."""
        epoch, first = divmod(done - 1, self.epoch_length)
        if first == 0:
            self.take(epoch)

    def take(self, epoch: int) -> None:
        """Keep the images of an epoch that has just been saved, if it is one of those chosen."""
        if epoch in self.epochs and not self._file(epoch).is_file():
            with replacing(self._file(epoch)) as hidden:
                torch.save([image.clone() for image in self.make()], hidden)

    def load(self) -> list[list[Tensor]]:
        """Give the images of each epoch.

        Raises:
            ValueError: if those of an epoch are missing.
        """
        missing = [file for file in map(self._file, self.epochs) if not file.is_file()]
        if missing:
            raise ValueError(
                f"{missing[0]} is missing, expected the images that were made after this epoch: delete "
                f"{self.folder.parent} and run again, so that this model is trained again."
            )
        return [torch.load(self._file(epoch), weights_only=True) for epoch in self.epochs]

    def _file(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:04d}.pt"


def write_figure(path: Path, headings: Sequence[str], rows: Sequence[tuple[str, Sequence[Tensor]]]) -> Path:
    """Draw rows of images with their names before them and headings above.

    Args:
        path: ``.png``; an earlier file is replaced.
        headings: one for each column.
        rows: name and tensors: images (1 or 3, Y, X) float in [0, 1], labels (1, Y, X) of an integer type.

    Returns:
        The path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_figure(Path(folder, "a.png"), ["mask"], [("A", [torch.ones(1, 8, 8, dtype=torch.int64)])]).name
        'a.png'
    """
    from PIL import Image, ImageDraw, ImageFont

    font: Any = ImageFont.load_default(TEXT_SIZE)
    cells = [[_draw(tensor) for tensor in tensors] for _, tensors in rows]
    left = GAP + max(round(font.getlength(name)) for name, _ in rows) + 2 * GAP
    wide = max(CELL, *(round(font.getlength(heading)) + GAP for heading in headings))
    heights = [max(pixels.shape[0] for pixels in row) + GAP for row in cells]
    top = TEXT_SIZE + 3 * GAP
    canvas = Image.new("RGB", (left + len(headings) * (wide + GAP), top + sum(heights)), "white")
    draw = ImageDraw.Draw(canvas)
    for column, heading in enumerate(headings):
        draw.text((left + column * (wide + GAP), GAP), heading, INK, font=font)
    for (name, _), row, height in zip(rows, cells, heights, strict=True):
        draw.text((GAP, top), name, INK, font=font)
        for column, pixels in enumerate(row):
            canvas.paste(Image.fromarray(pixels), (left + column * (wide + GAP), top))
        top += height
    with replacing(path) as hidden:
        canvas.save(hidden, format="PNG", optimize=True)
    return path


def _draw(tensor: Tensor) -> Any:
    """Give the pixels (Y, X, 3) of an image or a label."""
    plane = fit_plane(middle_plane(tensor), CELL)
    return image_pixels(plane) if plane.is_floating_point() else label_pixels(plane)
