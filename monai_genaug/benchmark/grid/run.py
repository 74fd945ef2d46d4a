"""Running a grid: cell by cell, on where an earlier run stopped, whatever fails."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from monai_genaug._checks import check_device
from monai_genaug.benchmark.disk import is_full, saying_when_full
from monai_genaug.benchmark.grid.block import Block, Dataset, check_dimensions
from monai_genaug.benchmark.grid.cells import Cell, choose_shard, list_cells, parse_shard
from monai_genaug.benchmark.grid.facts import write_command
from monai_genaug.benchmark.grid.gain_tables import gain_tables, measure_tables
from monai_genaug.benchmark.grid.gains import measure_gains
from monai_genaug.benchmark.grid.plan import GridPlan
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.benchmark.grid.report import write_grid_report
from monai_genaug.benchmark.grid.results import write_results
from monai_genaug.benchmark.grid.scores import score_segmenter
from monai_genaug.benchmark.grid.store import CellResult, CellStore
from monai_genaug.benchmark.grid.watch import OutOfTimeError, Watch
from monai_genaug.benchmark.plan import choose_setting
from monai_genaug.benchmark.tables import BenchmarkResult
from monai_genaug.machine import describe_machine
from monai_genaug.tables import Table
from monai_genaug.training.logs import warnings_only

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

KIND = "augmentation"


def run_grid(
    content: Mapping[str, Any],
    bars: Bars,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    setting: str = "short",
    device: str | None = None,
    shard: str | None = None,
    minutes: float | None = None,
) -> BenchmarkResult:
    """Run the cells of a plan that are not there yet, and compare all that are.

    Each cell is a file, named by a digest of all that determines it. A cell that fails is reported at the end, with its
    traceback in a file, and the others go on. A run that is stopped, or out of time, goes on within the training where
    it was.

    Args:
        content: of the plan's file.
        bars: where to show how far it is.
        data_dir: folder of the plan's data sets; by default the working directory.
        output_dir: for all that is written; by default ``runs/augmentation``. Several processes may share it.
        setting: one of the plan's.
        device: where to train; by default a GPU where there is one.
        shard: ``"i/n"``: the i-th of n processes, each of which runs its part of the cells; by default what torchrun
            says, or all.
        minutes: after which no more training is begun or gone on with.

    Returns:
        The folder, the tables of all cells that are there, and what failed.

    Raises:
        FileNotFoundError: if there is no such data set.
        ValueError: for a wrong plan, or data that do not fit it.
        OSError: if the disk is full.

    Example:
        >>> from monai_genaug.training.progress import progress_bars
        >>> with progress_bars(show=False) as bars:
        ...     run_grid({"kind": "augmentation", "cels": [], "settings": {"short": {}}}, bars)
        Traceback (most recent call last):
            ...
        ValueError: the plan has the unknown entry 'cels', did you mean 'cells'? ...
    """
    plan = GridPlan.of(choose_setting(content, setting, named=("datasets", "generators", "segmenters")))
    part, chosen = _place(shard, device)
    folder = Path(output_dir or Path("runs", KIND)).expanduser()
    used = dict.fromkeys(name for cells in plan.cells for name in cells.datasets)
    used |= dict.fromkeys(source for name in used if (source := plan.datasets[name].source) is not None)
    root = Path(data_dir or ".").expanduser()
    datasets = {name: Dataset(name, plan.datasets[name], root) for name in used}
    _check_folder(folder, datasets.values())
    check_dimensions(plan, datasets)
    for dataset in datasets.values():
        if dataset.plan.source in datasets:
            dataset.check_source(datasets[dataset.plan.source])
    watch = Watch(bars, None if minutes is None else 60 * minutes)
    kitchens = _open_kitchens(plan, datasets, folder, str(chosen), watch)
    store, failures, unfinished = CellStore(folder), [], ""
    cells = _resolve(list_cells(plan), kitchens)
    own = choose_shard(cells, part)
    watch.begin(len(own))
    try:
        with warnings_only("monai_genaug"), saying_when_full():  # each training has a log of its own
            for cell in own:
                watch.check()
                kitchen = kitchens(cell)
                key = kitchen.key(cell)
                if store.read(key) is None:
                    failures += _run_cell(cell, key, kitchen, plan, store, chosen)
                watch.advance()
    except OutOfTimeError:
        unfinished = f"out of time after {minutes:g} minutes: the same command goes on where it was"
    found = [(cell, store.read(kitchens(cell).key(cell))) for cell in cells]
    results = [result._replace(cell=cell) for cell, result in found if result is not None]  # by this plan's names
    gains = measure_gains(results)
    tables = [_say_missing(table, len(results), len(cells)) for table in gain_tables(gains)]
    with saying_when_full():
        write_results(folder, results, gains, [*tables, *measure_tables(gains, tolerance=plan.tolerance)])
        command = write_command(folder, content, data_dir=data_dir, setting=setting, device=device)
        write_grid_report(folder, plan, cells, results, gains, kitchens, command=command)
    return BenchmarkResult(folder, tables, failures, unfinished)


def _run_cell(
    cell: Cell, key: str, kitchen: Kitchen, plan: GridPlan, store: CellStore, device: torch.device
) -> list[str]:
    """Train and score what a cell compares; gives in a line why it failed, if it did."""
    try:
        segmenter = kitchen.segmenter(cell)
        made = None if cell.generator is None else kitchen.generator(cell.generator, cell.segmenter)
        dataset = kitchen.block.dataset
        scores = score_segmenter(
            segmenter, dataset.test, instances=dataset.plan.instances, tolerance=plan.tolerance
        )  # test images are first needed here
        accepted, given = kitchen.acceptance(cell)
        result = CellResult(
            cell=cell,
            names=[item["name"] for item in dataset.test],
            groups=[item["group"] for item in dataset.test],
            scores=scores,
            labelled=[item["name"] for item in kitchen.block.items],
            seconds={"segmenter": segmenter.seconds, "generator": made.seconds if made else 0.0},
            parameters={
                "segmenter": sum(part.numel() for part in segmenter.network.parameters()),
                "generator": made.parameters if made else 0,
            },
            machine=describe_machine(device),
            accepted=accepted,
            given=given,
        )
        store.write(key, result)
    except OutOfTimeError:
        raise
    except Exception as error:  # whatever it is: it is told at the end, and the other cells go on
        if is_full(error):
            raise
        file = store.write_failure(key, "".join(traceback.format_exception(error)))
        return [f"{cell.title}: {type(error).__name__}: {error} ({file})"]
    return []


def _resolve(cells: Iterable[Cell], kitchens: Callable[[Cell], Kitchen]) -> list[Cell]:
    """Give cells with their number of labelled images, each once; refuses more than there are, before any training."""
    return list(dict.fromkeys(cell._replace(labelled=len(kitchens(cell).block.labelled)) for cell in cells))


def _say_missing(table: Table, scored: int, planned: int) -> Table:
    """Add to a table's note that cells are missing."""
    if scored == planned:
        return table
    return table._replace(note=f"{table.note} {scored} of {planned} cells have been scored: this may change.")


def _open_kitchens(
    plan: GridPlan, datasets: Mapping[str, Dataset], folder: Path, device: str, watch: Watch
) -> Callable[[Cell], Kitchen]:
    """Give a function that finds what a cell's block shares, made once for each block."""
    made: dict[tuple[Any, ...], Kitchen] = {}

    def find(cell: Cell) -> Kitchen:
        if cell.block not in made:
            name = plan.datasets[cell.dataset].source
            source = None if name is None else datasets[name]
            block = Block(datasets[cell.dataset], cell.labelled, cell.seed, folder, source)
            made[cell.block] = Kitchen(plan, block, device, watch.course)
        return made[cell.block]

    return find


def _place(shard: str | None, device: str | None) -> tuple[tuple[int, int], torch.device]:
    """Give the part of the cells and the device of this process, as they are given or as torchrun says."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    part = parse_shard(shard) if shard else (int(os.environ.get("RANK", "0")) + 1, processes)
    if device is None and torch.cuda.is_available():
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return part, check_device(device or "cpu")


def _check_folder(folder: Path, datasets: Iterable[Dataset]) -> None:
    """Refuse a folder that lies in a data set, or that holds something else."""
    for dataset in datasets:
        if dataset.path.is_dir() and folder.resolve().is_relative_to(dataset.path.resolve()):
            raise ValueError(f"the output folder {folder} lies in the data set {dataset.path}: choose another one.")
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / "cells").is_dir())):
        raise ValueError(
            f"{folder} is not empty and not of this benchmark, expected a new or empty folder: choose one with --out."
        )
    (folder / "cells").mkdir(parents=True, exist_ok=True)
