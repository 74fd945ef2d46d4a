"""Rows of a batch: what each of them draws, and putting synthetic pairs in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from monai.transforms import Randomizable
from torch import Tensor

from monai_genaug._rng import MAX_SEED, derive_seed
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.synthesis import Accept, synthesize

DRAW_KEY = "draw"  # under which `monai_genaug.training.SeededLoader` gives the numbers of the draws


def draw_rows(
    batch: Mapping[str, Any], count: int, *, step: int | None = None, seed: int = 0, seeds: Sequence[int] | None = None
) -> list[int]:
    """Give one seed for each row of a batch.

    Args:
        batch: may hold the number of each row's draw under ``"draw"``.
        count: rows B.
        step: number of the batch in the training; None: the draws tell.
        seed: of the training.
        seeds: one a row, which are given back.

    Returns:
        B integers.

    Raises:
        ValueError: if there are too few or too many seeds, or nothing tells one batch from another.

    Example:
        >>> draw_rows({"draw": torch.tensor([5, 6])}, 2)[1] == draw_rows({"draw": [6]}, 1)[0]
        True
    """
    if seeds is not None:
        if step is not None or len(seeds) != count:
            raise ValueError(
                f"got {len(seeds)} seeds for {count} rows and step={step}, expected one seed a row or a step."
            )
        return [int(row_seed) for row_seed in seeds]
    if step is not None:
        return [derive_seed(seed, "step", int(step), row) for row in range(count)]
    if DRAW_KEY not in batch:
        raise ValueError(
            "nothing says which random numbers this batch takes, expected its number in the training: pass step=step "
            "of `for step, batch in enumerate(loader)`, counted on over epochs, or seeds, one a row."
        )
    return [derive_seed(seed, "row", int(draw)) for draw in batch[DRAW_KEY]]


def replace_rows(
    image: Tensor,
    label: Tensor,
    seeds: Sequence[int],
    prob: float,
    load: Callable[[], ConditionalGenerator],
    *,
    mask_sampler: Randomizable | None = None,
    accept: Accept | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> tuple[Tensor, Tensor, list[int]]:
    """Replace rows by synthetic pairs, each a function of its own image, label and seed, all in one pass.

    Args:
        image: (B, C, *S), plain.
        label: (B, 1, *S), plain.
        seeds: one a row, which decide whether it is replaced, too.
        prob: probability that a row is replaced.
        load: gives the generator; not called if no row is replaced.
        mask_sampler: see `synthesize`.
        accept: see `synthesize`.
        value_range: see `synthesize`.

    Returns:
        Image and label, as new tensors where anything is replaced, and the numbers of the rows that were.

    Raises:
        ValueError: if the shapes do not belong together, and as `synthesize` does.

    Example:
        >>> image, label = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
        >>> replace_rows(image, label, [1, 2], 0.0, load=lambda: None)[2]
        []
    """
    if label.shape != (len(image), 1, *image.shape[2:]):
        raise ValueError(
            f"images have shape {tuple(image.shape)} and labels {tuple(label.shape)}, expected (B, C, *S) and "
            "(B, 1, *S) with the same B and S: collate labels with one channel, as EnsureChannelFirstd gives them."
        )
    rows = [row for row, seed in enumerate(seeds) if derive_seed(seed, "apply") < prob * MAX_SEED]
    if not rows:
        return image, label, []
    generator = load()
    with torch.autocast(generator.device.type, enabled=False):  # of the caller, who means another network
        made = synthesize(
            generator,
            label[rows],
            [seeds[row] for row in rows],
            images=image[rows],
            mask_sampler=mask_sampler,
            accept=accept,
            value_range=value_range,
        )
    applied = [row for row, accepted in zip(rows, made.accepted.tolist(), strict=True) if accepted]
    return _put(image, made.images, rows), _put(label, made.labels, rows), applied


def _put(batch: Tensor, made: Tensor, rows: list[int]) -> Tensor:
    """Give a batch with some rows replaced; rows are stacked, since torch cannot write into every integer type."""
    new = dict(zip(rows, made, strict=True))
    return torch.stack([new.get(row, kept) for row, kept in enumerate(batch)])
