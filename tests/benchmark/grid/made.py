"""Grids with scores that are made up, and nothing trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monai_genaug.benchmark.grid.block import Block, Dataset
from monai_genaug.benchmark.grid.cells import Cell, list_cells
from monai_genaug.benchmark.grid.facts import Kitchens
from monai_genaug.benchmark.grid.gains import Gain, measure_gains
from monai_genaug.benchmark.grid.plan import GridPlan
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.benchmark.grid.report import write_grid_report
from monai_genaug.benchmark.grid.store import CellResult
from monai_genaug.benchmark.plan import choose_setting
from tests.benchmark.grid.conftest import content
from tests.benchmark.grid.test_store import result

Scores = Callable[[Cell], "np.ndarray | None"]  # of each test image; None: the cell is not there
ADDED = {"none": -0.02, "classic": 0.0, "copy_paste": 0.01, "genaug": 0.02, "classic+genaug": 0.05}


class Made(NamedTuple):
    """What a page is written of."""

    folder: Path
    plan: GridPlan
    cells: list[Cell]
    results: list[CellResult]
    gains: list[Gain]
    kitchens: Kitchens

    def page(self, command: str = "monai-genaug benchmark plan.yaml") -> str:
        """Write the page and read it."""
        file = write_grid_report(
            self.folder, self.plan, self.cells, self.results, self.gains, self.kitchens, command=command
        )
        assert file == self.folder / "report.html"
        return file.read_text(encoding="utf-8")


def make_grid(root: Path, folder: Path, scores: Scores, *cells: dict[str, Any], **changes: Any) -> Made:
    """Make up the results of a plan, on the data sets under `root`."""
    plan = GridPlan.of(choose_setting(content(*cells, **changes), "short"))

    def kitchens(cell: Cell) -> Kitchen:
        dataset = Dataset(cell.dataset, plan.datasets[cell.dataset], root)
        return Kitchen(plan, Block(dataset, cell.labelled, cell.seed, folder), "cpu", lambda title: None)

    results = []
    for cell in list_cells(plan):
        found = scores(cell)
        if found is not None:
            block = kitchens(cell).block
            names = [Path(entry["image"]).stem for entry in block.labelled]
            generator = {"segmenter": 2.0, "generator": 7.0 if cell.generator else 0.0}
            results.append(result(cell, found.tolist(), labelled=names, seconds=generator))
    return Made(folder, plan, list_cells(plan), results, measure_gains(results), kitchens)


def planted(cell: Cell, *, images: int = 4, spread: float = 0.01) -> np.ndarray:
    """Give scores of which each arm's gain is known: `ADDED`, up to the spread between seeds and images."""
    rng = np.random.default_rng(cell.seed)
    base = 0.5 + 0.05 * np.log2(float(cell.labelled)) + np.linspace(-0.1, 0.1, images)
    noise = np.random.default_rng([cell.seed, len(cell.arm), int(cell.labelled)]).normal(0, spread, images)
    return np.clip(base + rng.normal(0, 0.01) + ADDED[cell.arm] + noise, 0, 1)
