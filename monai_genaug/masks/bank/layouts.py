"""What a new layout holds: how many objects, which ones, how they differ from the real ones, which touch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_genaug.masks.bank.store import ObjectStore
from monai_genaug.masks.bank.warps import Warp, draw_warps
from monai_genaug.masks.instances import Mask

Indices = NDArray[np.int64]
ALIKE = 1.2  # factor of area, up or down, within which objects of a class are of alike size
SMALLEST = 0.25  # of a class's objects are the small ones


class Layout(NamedTuple):
    """What is put into a map, in this order, the largest first.

    Args:
        objects: (n,) indices of the objects.
        warps: n, how the copies differ from them.
        touch: (n,) whether each is put at another object.
        cut: (n,) whether the border of the map shall cut it, if it is not put at another one.
        seed: of the places.
    """

    objects: Indices
    warps: list[Warp]
    touch: Mask
    cut: Mask
    seed: int

    def take(self, part: Indices) -> Layout:
        """Give the layout with a part of its objects, by their places in it."""
        warps = [self.warps[k] for k in part]
        return Layout(self.objects[part], warps, self.touch[part], self.cut[part], self.seed)


class Composer:
    """Draws layouts like those of an `ObjectStore`.

    Number, sizes, classes and contact of the objects are those of one training map at a time, so that they go
    together as in the training maps.

    Args:
        store: the objects.
        mix: share of the objects that are replaced by one of alike size from any map.
        small: share of the objects that are replaced by one of the smallest quarter of its class.
        rare: exponent of the inverse frequency of the classes; 1 draws all equally often.
        density: factor on the number of objects.
        touching: share of the objects that touch another one; None: as in the training maps.
    """

    def __init__(
        self, store: ObjectStore, *, mix: float, small: float, rare: float, density: float, touching: float | None
    ) -> None:
        self.store = store
        self.mix, self.small, self.density, self.touching = mix, small, density, touching
        kept = np.flatnonzero(store.kept)
        self.ranked: Indices = kept[np.lexsort((store.areas[kept], store.classes[kept]))]  # by class, then area
        classes, self.class_of, frequency = np.unique(store.classes, return_inverse=True, return_counts=True)
        found = np.searchsorted(classes, store.classes[self.ranked])
        self.low = np.searchsorted(found, np.arange(len(classes)))  # (classes,), where each begins in `ranked`
        self.high = np.searchsorted(found, np.arange(len(classes)), side="right")
        self.alike = np.zeros((2, len(store)), dtype=np.int64)  # where those like each object begin and end in `ranked`
        for number, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            own = self.class_of == number
            areas = store.areas[self.ranked[low:high]]
            begin = np.minimum(np.searchsorted(areas, store.areas[own] / ALIKE), high - low - 1)
            end = np.maximum(np.searchsorted(areas, store.areas[own] * ALIKE, side="right"), begin + 1)
            self.alike[:, own] = low + begin, low + end
        weight = frequency.astype(float) ** -rare
        self.weight = (weight / (weight * frequency).sum() * len(store))[self.class_of]  # (N,), 1 on average
        sums = np.add.reduceat(np.append(self.weight, 0.0), store.first[:-1])
        self.chance = np.where(store.counts > 0, sums / np.maximum(store.counts, 1), 1.0)  # (M,) of each map
        self.reach = self._mean_sides()
        chance = _cut_chance(store.boxes, np.repeat(store.sizes, store.counts, axis=0))
        self.odds = np.maximum(chance, 1e-6) / np.maximum(1 - chance, 1e-3)  # (N,) of being cut to staying whole

    def draw(
        self,
        rng: np.random.RandomState,
        size: tuple[int, ...],
        angles: tuple[float, ...],
        *,
        scale: tuple[float, float],
        flip: float,
        bend: float,
        filled: bool = False,
    ) -> Layout:
        """Draw a layout.

        Args:
            rng: for all that is drawn.
            size: of the map.
            angles: see `draw_warps`.
            scale: see `draw_warps`.
            flip: see `draw_warps`.
            bend: see `draw_warps`.
            filled: draw one object at least.

        Returns:
            The layout.
        """
        chance = np.cumsum(np.where(self.store.counts > 0, self.chance, 0.0) if filled else self.chance)
        record = int(np.searchsorted(chance, rng.uniform(0.0, chance[-1]), side="right"))
        count = max(int(filled), self._draw_count(rng, record, size))
        objects = self._draw_objects(rng, record, count)
        warps = draw_warps(rng, count, angles, scale=scale, flip=flip, bend=bend)
        volume = self.store.areas[objects] * np.array([warp.scale for warp in warps]) ** len(size)
        order = np.argsort(-volume, kind="stable")  # large ones find no place once small ones are everywhere
        share = self.store.touching[record] if self.touching is None else self.touching
        # of objects that are put at a random earlier one with chance p, the share 2p / (1 + p) touches another one
        touch = rng.uniform(size=count) < share / (2.0 - share)
        objects = objects[order]
        often = self.store.cut[record] / _cut_chance(self.reach[record], self.store.sizes[record])
        cut = rng.uniform(size=count) < often * _cut_chance(self.store.boxes[objects], size)
        seed = int(rng.randint(2**32, dtype=np.uint32))
        return Layout(objects, [warps[k] for k in order], touch, cut, seed)

    def _draw_count(self, rng: np.random.RandomState, record: int, size: tuple[int, ...]) -> int:
        """Draw a number of objects with the map's number per area; those that its border cuts count too."""
        room = np.prod(size + self.reach[record])
        mean = self.density * self.store.counts[record] * room / np.prod(self.store.sizes[record] + self.reach[record])
        most = room / self.store.areas[self.ranked].mean()
        return math.floor(min(mean, most) + rng.uniform())

    def _draw_objects(self, rng: np.random.RandomState, record: int, count: int) -> Indices:
        """Draw objects: most are the map's own, some are of alike size, and some are small ones."""
        own = rng.permutation(np.arange(*self.store.first[record : record + 2]))
        if not count or not len(own):
            return np.zeros(0, dtype=np.int64)
        weight = np.cumsum(self.weight[own])
        marks = (np.arange(count) + rng.uniform()) * (weight[-1] / count)  # systematic: all once where weights agree
        chosen = own[np.minimum(np.searchsorted(weight, marks, side="right"), len(own) - 1)]
        swap, little = rng.uniform(size=(2, count))
        among_alike, among_little = rng.uniform(size=(2, count))
        for k in np.flatnonzero(~self.store.kept[chosen]):  # stand-ins for those that the border cuts
            whole = own[self.store.kept[own] & (self.class_of[own] == self.class_of[chosen[k]])]
            if len(whole):  # large ones are cut more often than they are left whole (Miles 1974)
                odds = np.cumsum(self.odds[whole])
                chosen[k] = whole[np.searchsorted(odds, rng.uniform(0.0, odds[-1]))]
        begin, end = self.alike[:, chosen]
        rank = begin + (among_alike * (end - begin)).astype(np.int64)
        low, high = self.low[self.class_of[chosen]], self.high[self.class_of[chosen]]
        chosen = np.where((swap < self.mix) | ~self.store.kept[chosen], self.ranked[rank], chosen)
        quarter = low + (among_little * np.ceil(SMALLEST * (high - low))).astype(np.int64)
        return np.where(little < self.small, self.ranked[quarter], chosen)

    def _mean_sides(self) -> NDArray[np.float64]:
        """Give the mean sides of each map's objects, (M, D)."""
        store = self.store
        mean = store.boxes[store.kept].mean(axis=0)
        sides = np.tile(mean, (len(store.counts), 1))
        for record, (low, high) in enumerate(zip(store.first[:-1], store.first[1:], strict=True)):
            kept = store.boxes[low:high][store.kept[low:high]]
            if len(kept):
                sides[record] = kept.mean(axis=0)
        return sides


def _cut_chance(sides: NDArray[Any], size: ArrayLike) -> NDArray[np.float64]:
    """Give how often the border of a map cuts a box that lies anywhere in it, or reaches in."""
    whole = np.maximum(np.subtract(size, sides), 0)
    return 1 - np.prod(np.where(np.equal(size, 1), 1.0, whole / np.add(size, sides)), axis=-1)
