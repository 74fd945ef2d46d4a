"""Batches whose parts come from lists that do not belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from monai.data import Dataset
from torch import Tensor

from monai_genaug.training.draws import DRAW_KEY, SeededDraws, SeededLoader


class JoinedLoader:
    """Draws from several loaders at once and gives one batch, such as of images without masks and masks without images.

    Each loader goes through its own list in its own order, so lists may differ in length and images in size.

    Args:
        loaders: each with a seed and keys of its own, and as many iterations an epoch as the others; for keys that they
            share, the first counts.

    Raises:
        ValueError: if there is none, or their epochs differ in length.

    Example:
        >>> import torch
        >>> from monai.data import Dataset
        >>> images, labels = ([{key: torch.zeros(1, 4, 4)}] * count for key, count in (("image", 3), ("label", 2)))
        >>> parts = [SeededLoader(Dataset(part), batch_size=2, iterations_per_epoch=3, seed=seed)
        ...          for seed, part in enumerate((images, labels))]
        >>> sorted(next(iter(JoinedLoader(parts))))
        ['draw', 'image', 'label']
    """

    def __init__(self, loaders: Sequence[SeededLoader]) -> None:
        lengths = sorted({len(loader) for loader in loaders})
        if len(lengths) != 1:
            raise ValueError(f"the loaders have {lengths} iterations an epoch, expected one number for all of them.")
        self.loaders = list(loaders)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is iterated over next, from 1."""
        for loader in self.loaders:
            loader.set_epoch(epoch)

    def __len__(self) -> int:
        """Give the number of batches of an epoch."""
        return len(self.loaders[0])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the batches of the epoch that was set."""
        for parts in zip(*self.loaders, strict=True):
            yield {key: value for part in reversed(parts) for key, value in part.items()}

    def close(self) -> None:
        """End the workers."""
        for loader in self.loaders:
            loader.close()


def check_drawn_masks(dataset: Dataset, *, seed: int, count: int = 64) -> None:
    """Draw masks until one has foreground, and refuse to train where none has.

    Args:
        dataset: of label maps, in memory, with the random transforms of the training.
        seed: of what is drawn.
        count: masks that may be drawn.

    Raises:
        ValueError: if all of them are empty; it names the remedy.

    Example:
        >>> import torch
        >>> check_drawn_masks(Dataset([{"label": torch.ones(1, 4, 4)}]), seed=0)
        >>> check_drawn_masks(Dataset([{"label": torch.zeros(1, 4, 4)}]), seed=0)
        Traceback (most recent call last):
            ...
        ValueError: all of 64 masks drawn for the training are empty, ...
    """
    draws = SeededDraws(dataset, seed, track_meta=False)
    if any(draws[number]["label"].any() for number in range(count)):
        return
    if any(item["label"].any() for item in dataset.data):
        remedy = "set a larger crop_size, or leave masks with little foreground out"
    else:
        remedy = (
            "where masks_dir is null, mask_sampler must draw them of nothing: set it to {_target_: "
            "monai_genaug.masks.procedural.ProceduralNuclei}, or to {_target_: "
            "monai_genaug.masks.procedural.load_procedural, path: FILE} with what `monai-genaug masks nuclei` wrote"
        )
    raise ValueError(f"all of {count} masks drawn for the training are empty, expected objects: {remedy}.")


def draw_items(dataset: Dataset, count: int, *, seed: int) -> list[dict[str, Tensor]]:
    """Draw items of equal size from a dataset with random transforms, such as label maps to be shown.

    Args:
        dataset: as `SeededLoader` takes it.
        count: of items.
        seed: of what is drawn.

    Returns:
        `count` items with their tensors.

    Example:
        >>> import torch
        >>> [item["label"].shape for item in draw_items(Dataset([{"label": torch.ones(1, 4, 4)}]), 2, seed=0)]
        [torch.Size([1, 4, 4]), torch.Size([1, 4, 4])]
    """
    draws = SeededDraws(dataset, seed, track_meta=False)
    return [{key: part for key, part in draws[number].items() if key != DRAW_KEY} for number in range(count)]
