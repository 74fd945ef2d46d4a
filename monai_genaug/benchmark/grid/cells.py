"""Cells of a grid: what each compares, and how they are spread over processes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from monai_genaug.benchmark.grid.plan import ARMS, GridPlan


class Cell(NamedTuple):
    """One training of a segmenter.

    Args:
        dataset: name.
        labelled: number of labelled images, share of the training split, or ``"all"``.
        seed: of all that is random.
        segmenter: name.
        arm: of `ARMS`.
        generator: name; None for arms without one.
        share: of the crops that are replaced; 0 for arms that replace none, 1 for those that replace all.
    """

    dataset: str
    labelled: int | float | str
    seed: int
    segmenter: str
    arm: str
    generator: str | None
    share: float

    @property
    def block(self) -> tuple[str, int | float | str, int]:
        """What says which images are labelled: cells of one block are run one after the other."""
        return self.dataset, self.labelled, self.seed

    @property
    def recipe(self) -> tuple[str, str | None, float]:
        """What is compared in a block."""
        return self.arm, self.generator, self.share

    @property
    def title(self) -> str:
        """What people read."""
        parts = (self.arm, self.generator, f"{self.share:g}" if self.generator and self.share < 1 else None)
        return f"{self.dataset}, {self.labelled} labelled, seed {self.seed}: " + " ".join(filter(None, parts))


def list_cells(plan: GridPlan) -> list[Cell]:
    """List the cells of a plan in the order in which they are run, each once.

    Entries of ``cells`` come one after the other. In each, the cells of a seed stay together, so that a run which ends
    early has whole comparisons.

    Example:
        >>> from monai_genaug.benchmark.grid.plan import CellsPlan, DatasetPlan
        >>> cells = CellsPlan(datasets=["a"], labelled=[3, 6], arms=["none", "classic"], seeds=[0, 1])
        >>> plan = GridPlan(datasets={"a": DatasetPlan(path="a")}, segmenters={"unet": {}}, cells=[cells])
        >>> [(cell.seed, cell.labelled, cell.arm) for cell in list_cells(plan)][:3]
        [(0, 3, 'none'), (0, 3, 'classic'), (0, 6, 'none')]
    """
    found: dict[Cell, None] = {}
    for part in plan.cells:
        blocks = product(part.seeds or plan.seeds, part.datasets, part.labelled, part.segmenters or plan.segmenters)
        for seed, dataset, labelled, segmenter in blocks:
            for name in part.arms:
                arm = ARMS[name]
                generators = part.generators if arm.synthetic else (None,)
                shares = (1.0,) if arm.alone else part.shares if arm.synthetic or arm.pasted else (0.0,)
                for generator, share in product(generators, shares):
                    found[Cell(dataset, labelled, seed, segmenter, name, generator, float(share))] = None
    return list(found)


def choose_shard(cells: Iterable[Cell], shard: tuple[int, int]) -> list[Cell]:
    """Give the cells of one of several processes; those that share labelled images, and so generators, go to one.

    Args:
        cells: of `list_cells`.
        shard: its number from 1, and how many there are.

    Example:
        >>> cells = [Cell("a", 6, seed, "unet", arm, None, 0.0) for seed in (0, 1, 2) for arm in ("none", "classic")]
        >>> [(cell.seed, cell.arm) for cell in choose_shard(cells, (2, 2))]
        [(1, 'none'), (1, 'classic')]
    """
    cells = list(cells)
    number, count = shard
    place = {block: index for index, block in enumerate(dict.fromkeys(cell.block for cell in cells))}
    return [cell for cell in cells if place[cell.block] % count == number - 1]


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``i/n`` as a shard.

    Raises:
        ValueError: for anything else.

    Example:
        >>> parse_shard("2/4")
        (2, 4)
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    number, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise ValueError(f"shard is {text!r}, expected i/n with i from 1 to n: write 1/4 for the first of four.")
    return number, count
