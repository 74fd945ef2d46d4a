"""Batches of a training whose n-th draw depends on the seed and on n alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from monai.data import Dataset, get_track_meta, list_data_collate, set_track_meta
from monai.transforms import Compose
from torch.utils.data import DataLoader

from monai_genaug._rng import derive_seed
from monai_genaug.training.processes import process_count, process_rank

DRAW_KEY = "draw"  # tells a batch's prepare_batch which draws it holds


class SeededLoader:
    """Gives the batches of one epoch after another from a MONAI dataset.

    Which item the n-th draw of the training takes, and what its random transforms do to it, depends on (seed, n) alone:
    not on the number of workers or processes, nor on whether the training was stopped in between. Items are drawn in
    random order, each equally often. Where several processes train together, each gets its share of every batch.

    Args:
        dataset: MONAI dataset of dictionaries with a `Compose` as `transform`; in its chain randomness must be MONAI's
            (`Randomizable`).
        batch_size: draws an iteration, over all processes.
        iterations_per_epoch: batches of an epoch.
        seed: of order and transforms.
        num_workers: processes that prepare batches; 0 prepares them in the training process.
        track_meta: False lets transforms work on plain tensors, which takes half the time; those that need metadata,
            such as `EnsureChannelFirstd`, must then be among the cached ones of a `CacheDataset`.

    Raises:
        ValueError: if the dataset is empty or the batch cannot be shared equally.

    Example:
        >>> from monai.transforms import RandFlipd
        >>> data = Dataset([{"image": torch.rand(1, 4, 4)}], Compose([RandFlipd("image", prob=0.5)]))
        >>> loader = SeededLoader(data, batch_size=2, iterations_per_epoch=3, seed=0)
        >>> [batch["image"].shape for batch in loader][-1], len(loader)
        (torch.Size([2, 1, 4, 4]), 3)
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int,
        iterations_per_epoch: int,
        seed: int,
        num_workers: int = 0,
        track_meta: bool = True,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("iterations_per_epoch", iterations_per_epoch)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1.")
        if not len(dataset):
            raise ValueError("there is nothing to draw from, expected at least one labelled image.")
        if batch_size % process_count():
            raise ValueError(
                f"batch_size is {batch_size}, expected a multiple of the {process_count()} processes that share it."
            )
        self.batches = _Batches(batch_size, iterations_per_epoch)
        self.loader = DataLoader(
            SeededDraws(dataset, seed, track_meta=track_meta and get_track_meta()),
            batch_sampler=self.batches,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            collate_fn=list_data_collate,
            generator=torch.Generator(),  # else iterating would draw from the global one
        )

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is iterated over next, from 1."""
        self.batches.epoch = epoch

    def __len__(self) -> int:
        """Give the number of batches of an epoch."""
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        """Give the batches of the epoch that was set."""
        return iter(self.loader)

    def close(self) -> None:
        """End the workers; torch waits 5 seconds for each of them where it is left to the garbage collector."""
        workers: Any = self.loader._iterator
        self.loader._iterator = None
        if workers is not None:
            workers._shutdown_workers()


class _Batches:
    """Numbers of the draws of this process's part of each batch of an epoch."""

    def __init__(self, batch_size: int, iterations: int) -> None:
        self.batch_size, self.iterations, self.epoch = batch_size, iterations, 1

    def __len__(self) -> int:
        return self.iterations

    def __iter__(self) -> Iterator[list[int]]:
        rank, count = process_rank(), process_count()
        first = (self.epoch - 1) * self.iterations
        for iteration in range(first, first + self.iterations):
            start = iteration * self.batch_size
            yield list(range(start + rank, start + self.batch_size, count))


class SeededDraws(torch.utils.data.Dataset):
    """Draws by number: the item, transformed with seeds of the draw's own; see `SeededLoader`."""

    def __init__(self, dataset: Dataset, seed: int, *, track_meta: bool) -> None:
        self.dataset, self.seed, self.track_meta = dataset, seed, track_meta
        self._pass, self._order = -1, torch.empty(0)

    def __getitem__(self, draw: int) -> Any:
        """Give one draw, with its number."""
        transform = self.dataset.transform
        if isinstance(transform, Compose):
            transform.set_random_state(derive_seed(self.seed, "draw", draw) % 2**32)
        before = get_track_meta()
        set_track_meta(self.track_meta)
        try:
            sample = self.dataset[self._index(draw)]
        finally:
            set_track_meta(before)
        return {**sample, DRAW_KEY: draw} if isinstance(sample, Mapping) else sample

    def _index(self, draw: int) -> int:
        number, position = divmod(draw, len(self.dataset))
        if number != self._pass:
            rng = torch.Generator().manual_seed(derive_seed(self.seed, "order", number))
            self._pass, self._order = number, torch.randperm(len(self.dataset), generator=rng)
        return int(self._order[position])
