"""The page of a grid: what was compared, what is shown by it, and how to repeat it."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from monai_genaug.benchmark.charts import ScatterChart
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.facts import (
    Kitchens,
    arm_table,
    data_table,
    flatten_plan,
    list_failures,
    list_machines,
    network_table,
    training_table,
)
from monai_genaug.benchmark.grid.figures import (
    Pictures,
    case_pictures,
    label_charts,
    sample_pictures,
    scatter_charts,
)
from monai_genaug.benchmark.grid.gain_tables import gain_tables, measure_tables
from monai_genaug.benchmark.grid.gains import (
    MIN_SEEDS,
    Gain,
    Recipe,
    Runs,
    Setup,
    arrange_runs,
    baseline_of,
    name_recipe,
)
from monai_genaug.benchmark.grid.plan import GridPlan
from monai_genaug.benchmark.grid.store import CellResult, CellStore
from monai_genaug.benchmark.grid.verdicts import best_gain, counted, verdict
from monai_genaug.benchmark.report import flatten_settings
from monai_genaug.pages import write_page
from monai_genaug.tables import Table

TEMPLATE = Path(__file__).with_name("grid.html.j2")


class SetupView(NamedTuple):
    """What the page shows of one data set, number of labelled images and segmenter."""

    name: str
    sample: str
    verdict: str
    tables: list[Table]
    scatters: list[ScatterChart]
    cases: Pictures


def write_grid_report(
    folder: Path,
    plan: GridPlan,
    cells: Sequence[Cell],
    results: Sequence[CellResult],
    gains: Sequence[Gain],
    kitchens: Kitchens,
    *,
    command: str,
) -> Path:
    """Write report.html of the cells that are there: one page that needs no other file and no network.

    Pictures come of trainings that lie in the output folder; where these are gone, the page says so. Nothing is
    trained for it.

    Args:
        folder: of the grid.
        plan: of the grid.
        cells: all of them, done or not.
        results: of all cells that are there, by the names of the plan.
        gains: of `measure_gains`, of these results.
        kitchens: finds what the block of a cell shares.
        command: line that repeats the run.

    Returns:
        The page.
    """
    runs = arrange_runs(results)
    failures = list_failures(cells, CellStore(folder), kitchens)
    images = {result.cell.dataset: len(result.names) for result in results}
    names = list(dict.fromkeys(name_recipe(gain.recipe) for gain in gains))
    scored = {result.cell for result in results}
    return write_page(
        folder / "report.html",
        TEMPLATE,
        datasets=list(dict.fromkeys(cell.dataset for cell in cells)),
        scored=sum(cell in scored for cell in cells),
        planned=len(cells),
        without=any(cell.labelled == 0 for cell in cells),
        failures=failures,
        setups=_setup_views(gains, runs, kitchens, plan.tolerance),
        facts=[data_table(cells, results, kitchens), arm_table(cells), network_table(plan, cells)],
        curves=label_charts(gains, images),
        kinds={name: number for number, name in enumerate(sorted(names, key=lambda name: name != "classic"))},
        samples=sample_pictures(results, kitchens),
        trainings=training_table(results),
        machines=list_machines(results),
        settings=flatten_settings(flatten_plan(plan)),
        command=command,
        min_seeds=MIN_SEEDS,
        date=datetime.date.today().isoformat(),
    )


def _setup_views(
    gains: Sequence[Gain], runs: Mapping[Setup, Mapping[Recipe, Runs]], kitchens: Kitchens, tolerance: float
) -> list[SetupView]:
    """Put together what is shown of each setup."""
    views = []
    tables = zip(gain_tables(gains), measure_tables(gains, tolerance=tolerance), strict=True)
    for setup, (gain_table, measures) in zip(dict.fromkeys(gain.setup for gain in gains), tables, strict=True):
        part = [gain for gain in gains if gain.setup == setup]
        one = next(iter(next(iter(runs[setup].values())).values()))
        count, groups = len(one.names), len(set(one.groups))
        views.append(
            SetupView(
                gain_table.title,
                f"{counted(count, 'test image')} in {counted(groups, 'group')}; {_say_seeds(part)}.",
                verdict(part, count),
                [gain_table._replace(title="Gains in Dice"), _with_seeds(measures, part)],
                scatter_charts(runs[setup], baseline_of(setup)),
                case_pictures(best_gain(part), runs[setup], kitchens),
            )
        )
    return views


def _with_seeds(table: Table, gains: Sequence[Gain]) -> Table:
    """Add to a table of one setup how many seeds each of its rows holds."""
    rows = [[row[0], str(len(gain.seeds)), *row[1:]] for row, gain in zip(table.rows, gains, strict=True)]
    return Table("All measures", [table.columns[0], "seeds", *table.columns[1:]], rows, table.note)


def _say_seeds(gains: Sequence[Gain]) -> str:
    """Say which seeds were run; where arms differ, those of most first, then of each other one."""
    counts = Counter(gain.seeds for gain in gains)
    usual = max(counts, key=lambda seeds: (counts[seeds], len(seeds)))
    told = f"seeds {', '.join(map(str, usual))}"
    if len(counts) == 1:
        return told
    others = "; ".join(
        f"“{name_recipe(gain.recipe)}”: {', '.join(map(str, gain.seeds))}" for gain in gains if gain.seeds != usual
    )
    return f"{told} (but {others}), and differences are of the seeds that both arms have"
