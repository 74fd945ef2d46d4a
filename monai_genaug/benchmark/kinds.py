"""Kinds of benchmarks, and how one is run that a plan describes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from monai_genaug._checks import check_choice
from monai_genaug.benchmark.grid import run as grid
from monai_genaug.benchmark.grid.run import run_grid
from monai_genaug.benchmark.paper import setup as paper
from monai_genaug.benchmark.paper.run import run_paper
from monai_genaug.benchmark.plan import read_plan
from monai_genaug.benchmark.tables import BenchmarkResult

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

KINDS: dict[str, Callable[..., BenchmarkResult]] = {paper.KIND: run_paper, grid.KIND: run_grid}


def run_benchmark(
    plan_file: str | os.PathLike[str],
    bars: Bars,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    setting: str = "short",
    device: str | None = None,
    **more: Any,
) -> BenchmarkResult:
    """Run the benchmark that a YAML file describes.

    Args:
        plan_file: with an entry ``kind``, one of `KINDS`.
        bars: where to show how far it is, of `progress_bars`.
        data_dir: data set; by default what the plan says.
        output_dir: where results go; by default ``runs/`` and the kind.
        setting: one of the plan's settings.
        device: where to train; by default a GPU where there is one.
        more: what only some kinds know, such as ``shard`` and ``minutes`` of `run_grid`; None counts as not given.

    Returns:
        The folder with results, and tables to show.

    Raises:
        FileNotFoundError: if there is no such plan or data set.
        ValueError: for an unknown kind or setting, or what the kind itself refuses.

    Example:
        >>> from monai_genaug.training.progress import progress_bars
        >>> with progress_bars(show=False) as bars:
        ...     run_benchmark("no_such_plan.yaml", bars)
        Traceback (most recent call last):
            ...
        FileNotFoundError: no_such_plan.yaml does not exist, ...
    """
    content = read_plan(plan_file)
    run = KINDS[check_choice("kind", content["kind"], KINDS)]
    given = {name: value for name, value in more.items() if value is not None}
    unknown = given.keys() - inspect.signature(run).parameters.keys()
    if unknown:
        raise ValueError(f"a benchmark of the kind {content['kind']} has no option {sorted(unknown)[0]}: leave it out.")
    return run(content, bars, data_dir=data_dir, output_dir=output_dir, setting=setting, device=device, **given)
