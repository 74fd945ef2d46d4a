"""Real and synthetic pairs in one list, and batches that hold a share of each."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch.utils.data import Sampler

from monai_genaug._checks import check_at_least, check_probability
from monai_genaug._rng import derive_seed
from monai_genaug.data.datalists import load_datalist
from monai_genaug.data.splits import Item, choose_items

SYNTHETIC = "synthetic"  # key that tells where an item is from
Share = float | Sequence[tuple[int, float]] | Callable[[int], float]


def mix_datalists(
    real: Sequence[Mapping[str, Any]],
    store: str | os.PathLike[str] | Sequence[Mapping[str, Any]],
    ratio: float | None,
    *,
    seed: int = 0,
) -> list[Item]:
    """Add synthetic pairs to real ones, so that they are a share of the whole.

    Args:
        real: items of a training split, all of which are kept.
        store: folder that `monai-genaug synthesize` wrote or another data set, which is taken whole; or its items.
        ratio: synthetic share of the list that comes out, in [0, 1), to the nearest whole item; None: the whole store,
            as for `RatioBatchSampler`.
        seed: determines which synthetic pairs are taken; with a larger ratio the same ones come first.

    Returns:
        The real items, then the synthetic ones, each with the keys that all of them have, such as image, label and
        group, and ``"synthetic"``, bool.

    Raises:
        ValueError: if the ratio is out of its range, the store holds too few pairs, or items lack image or label.

    Example:
        >>> real = [{"image": f"{name}.png", "label": f"{name}_mask.png"} for name in "abc"]
        >>> made = [{"image": f"{number}.png", "label": f"{number}_mask.png", "seed": number} for number in range(9)]
        >>> [item["synthetic"] for item in mix_datalists(real, made, 0.4)]
        [False, False, False, True, True]
    """
    if not real:
        raise ValueError("real is empty, expected the items of a training split: pass load_datalist(...)['training'].")
    if isinstance(store, str | os.PathLike):
        made = load_datalist(store, fractions=(1, 0, 0), name="store")["training"]
    else:
        made = [dict(item) for item in store]
    count = len(made)
    if ratio is not None:
        if check_probability("ratio", ratio) == 1.0:
            raise ValueError("ratio is 1, expected a share below 1, as the real items stay: use the store alone.")
        count = round(len(real) * ratio / (1.0 - ratio))
    if count > len(made):
        raise ValueError(
            f"the store holds {len(made)} pairs, but {count} are needed for a share of {ratio:g} beside {len(real)} "
            "real ones: go on with monai-genaug synthesize and a larger --count, or lower the ratio."
        )
    chosen = made if ratio is None else choose_items(made, count, derive_seed(seed, SYNTHETIC))
    keys = set.intersection(*(set(item) for item in (*real, *chosen)))
    if not keys >= {"image", "label"}:
        raise ValueError(f"the items have the keys {sorted(keys)} in common, expected image and label among them.")
    kept = [key for key in real[0] if key in keys and key != SYNTHETIC]
    return [
        {**{key: item[key] for key in kept}, SYNTHETIC: made_up}
        for items, made_up in ((real, False), (chosen, True))
        for item in items
    ]


class RatioBatchSampler(Sampler[list[int]]):
    """Batches of which a share is synthetic, for ``batch_sampler=`` of a DataLoader of PyTorch or MONAI.

    Each batch holds the share as nearly as whole numbers can; what is left over goes to the next batch, so that all
    batches together hold it to within one item. Real and synthetic items are each drawn in random order, over and over,
    all equally often. An epoch is a function of its number and the seed alone: call `set_epoch` before each.

    Args:
        synthetic: of each item of the dataset whether it is, as `mix_datalists` says.
        batch_size: items of a batch, over all processes.
        ratio: synthetic share in [0, 1]; or a function of the epoch; or pairs of epoch and share, such as
            ``[(0, 0.75), (20, 0.5), (40, 0.0)]``, each of which holds until the next.
        batches: of an epoch; by default so many that it has as many draws as there are items, at least.
        seed: of the order.
        rank: number of this process, if several train together; each gets its part of every batch.
        count: of these processes.

    Raises:
        ValueError: for numbers out of their range, or a share of items of which there are none.

    Example:
        >>> sampler = RatioBatchSampler([False] * 6 + [True] * 6, batch_size=4, ratio=[(0, 0.5), (1, 0.0)])
        >>> [sum(index >= 6 for index in batch) for batch in sampler]
        [2, 2, 2]
        >>> sampler.set_epoch(1)
        >>> [sum(index >= 6 for index in batch) for batch in sampler]
        [0, 0, 0]
    """

    def __init__(
        self,
        synthetic: Sequence[bool],
        *,
        batch_size: int,
        ratio: Share,
        batches: int | None = None,
        seed: int = 0,
        rank: int = 0,
        count: int = 1,
    ) -> None:
        check_at_least(1, batch_size=batch_size, batches=1 if batches is None else batches, count=count)
        if not 0 <= rank < count:
            raise ValueError(f"rank is {rank}, expected 0 to {count - 1}, as count is {count}.")
        if batch_size % count:
            raise ValueError(f"batch_size is {batch_size}, expected a multiple of the {count} processes that share it.")
        self.pools = {
            made_up: [index for index, flag in enumerate(synthetic) if bool(flag) == made_up]
            for made_up in (False, True)
        }
        self.batch_size, self.seed, self.rank, self.count, self.epoch = batch_size, seed, rank, count, 0
        self.batches = math.ceil(len(synthetic) / batch_size) if batches is None else batches
        self.ratio = _as_function(ratio)
        self.share(0)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is iterated over next, from 0."""
        check_at_least(0, epoch=epoch)
        self.epoch = epoch

    def share(self, epoch: int) -> float:
        """Give the synthetic share of an epoch.

        Raises:
            ValueError: if it is out of its range, or there are no items of a kind that it asks for.
        """
        share = check_probability(f"ratio in epoch {epoch}", self.ratio(epoch))
        for made_up, wanted in ((False, share < 1.0), (True, share > 0.0)):
            if wanted and not self.pools[made_up]:
                raise ValueError(
                    f"ratio in epoch {epoch} is {share:g}, but no item is {'synthetic' if made_up else 'real'}: pass "
                    "the flags of a list that mix_datalists made."
                )
        return share

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        shares = [Fraction(self.share(epoch)).limit_denominator(10**6) for epoch in range(self.epoch + 1)]
        before = sum(shares[:-1], Fraction(0)) * self.batches * self.batch_size + Fraction(1, 2)
        start = self.epoch * self.batches * self.batch_size
        done = math.floor(before)  # synthetic items that were drawn so far
        orders = {made_up: _Order(pool, self.seed, made_up) for made_up, pool in self.pools.items()}
        for number in range(self.batches):
            now = math.floor(before + (number + 1) * self.batch_size * shares[-1])
            first = start + number * self.batch_size
            made_up = [orders[True][draw] for draw in range(done, now)]
            real = [orders[False][draw] for draw in range(first - done, first + self.batch_size - now)]
            done = now
            yield [*made_up, *real][self.rank :: self.count]


class _Order:
    """The n-th draw of a pool: one random order of it after another."""

    def __init__(self, pool: Sequence[int], seed: int, made_up: bool) -> None:
        self.pool, self.seed = pool, derive_seed(seed, SYNTHETIC if made_up else "real")
        self._pass, self._order = -1, torch.empty(0)

    def __getitem__(self, draw: int) -> int:
        number, position = divmod(draw, len(self.pool))
        if number != self._pass:
            rng = torch.Generator().manual_seed(derive_seed(self.seed, "order", number))
            self._pass, self._order = number, torch.randperm(len(self.pool), generator=rng)
        return self.pool[int(self._order[position])]


def _as_function(ratio: Share) -> Callable[[int], float]:
    """Give a share that is a number, or pairs of epoch and share, as a function of the epoch."""
    if callable(ratio):
        return ratio
    if isinstance(ratio, int | float):
        constant = float(ratio)
        return lambda epoch: constant
    steps = [(int(epoch), float(share)) for epoch, share in ratio]
    if not steps or steps != sorted(set(steps)) or len({epoch for epoch, _ in steps}) != len(steps):
        raise ValueError(f"ratio is {ratio!r}, expected pairs of epoch and share in rising order of epochs.")
    return lambda epoch: next((share for first, share in reversed(steps) if first <= epoch), steps[0][1])
