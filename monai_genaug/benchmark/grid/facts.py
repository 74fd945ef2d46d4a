"""What a grid's report tells besides its scores: data, arms, networks, trainings, machines, failures, the command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.gains import arrange_runs, name_recipe
from monai_genaug.benchmark.grid.plan import GridPlan
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.benchmark.grid.store import CellResult, CellStore
from monai_genaug.benchmark.segmentation import SEGMENTER
from monai_genaug.data import replacing
from monai_genaug.tables import Table
from monai_genaug.training.bundle import read_configs

Kitchens = Callable[[Cell], Kitchen]
PLAN_FILE = "plan_as_run.yaml"
ARM_WORDS = {
    "none": "the labelled images as they are",
    "classic": "flips and quarter turns of the labelled images",
    "copy_paste": "classic, and a share of the crops gets real objects of the labelled images",
    "genaug": "a share of the crops is replaced by synthetic pairs, without flips and turns",
    "classic+genaug": "classic, and a share of the crops is replaced by synthetic pairs",
    "synthetic_only": "classic on synthetic pairs alone: no real image is seen",
    "source": "classic on the labelled images of the source, another data set",
}
BUDGET = {
    "epochs": "epochs",
    "iterations_per_epoch": "iterations, epoch",
    "batch_size": "crops, iteration",
    "crop_size": "crop, voxels",
}


class Failure(NamedTuple):
    """A cell that failed, why in one line, and the file with the rest."""

    title: str
    line: str
    file: str


def data_table(cells: Sequence[Cell], results: Sequence[CellResult], kitchens: Kitchens) -> Table:
    """Say of each data set how many images it has, and how many of them are used."""
    rows = []
    for name in dict.fromkeys(cell.dataset for cell in cells):
        blocks = [kitchens(cell).block for cell in cells if cell.dataset == name]
        scored = next((result for result in results if result.cell.dataset == name), None)
        labelled = sorted({len(block.labelled) for block in blocks})
        rows.append(
            [
                name,
                str(len(blocks[0].dataset.training)),
                ", ".join(map(str, labelled)),
                "none scored yet" if scored is None else str(len(scored.names)),
                "-" if scored is None else str(len(set(scored.groups))),
                ", ".join(map(str, sorted({cell.seed for cell in cells if cell.dataset == name}))),
            ]
        )
    columns = ["data set", "training images", "labelled of these", "test images", "test groups", "seeds"]
    note = "Each seed draws its own labelled images, first weights, crops and synthetic pairs."
    sources = {
        block.dataset.name: block.source
        for block in (kitchens(cell).block for cell in cells)
        if block.source is not None
    }
    for name, source in sources.items():
        note += (
            f" Where no image of {name} is labelled, masks are of the {len(source.training)} labels of {source.name}."
        )
    return Table("Data", columns, rows, note)


def arm_table(cells: Sequence[Cell]) -> Table:
    """Say what each arm does to the training images."""
    shares = {
        arm: sorted({cell.share for cell in cells if cell.arm == arm})
        for arm in dict.fromkeys(cell.arm for cell in cells)
    }
    rows = [
        [arm, ARM_WORDS[arm], ", ".join(f"{value:g}" for value in values) if any(values) else "-"]
        for arm, values in shares.items()
    ]
    return Table("Arms", ["arm", "what a segmenter is trained on", "shares"], rows)


def network_table(plan: GridPlan, cells: Iterable[Cell]) -> Table:
    """Say how long each network that cells use is trained, and what generators see and write."""
    cells = list(cells)
    used = {cell.segmenter for cell in cells} | {cell.generator for cell in cells}
    rows = [
        [name, "segmenter", SEGMENTER, *_budget(SEGMENTER, settings), "-", "-", "-"]
        for name, settings in plan.segmenters.items()
        if name in used
    ]
    rows += [
        [
            name,
            "generator",
            recipe.bundle,
            *_budget(recipe.bundle, recipe.settings),
            "all training images" if recipe.sees_unlabelled else "labelled images",
            recipe.writes,
            recipe.masks,
        ]
        for name, recipe in plan.generators.items()
        if name in used
    ]
    columns = ["network", "kind", "bundle", *BUDGET.values(), "sees", "writes", "new masks"]
    return Table(
        "Networks and their budget", columns, rows, "Labels are those of the labelled images, or of the source."
    )


def _budget(bundle: str, settings: Mapping[str, Any]) -> list[str]:
    """Give the entries of a bundle that say how long it trains."""
    parser = read_configs(bundle)
    return [str(settings.get(name, parser.get(name, "-"))) for name in BUDGET]


def training_table(results: Iterable[CellResult]) -> Table:
    """Say how long trainings took, by setup and recipe."""
    rows = []
    for (dataset, labelled, segmenter), recipes in arrange_runs(results).items():
        for recipe, by_seed in recipes.items():
            runs = list(by_seed.values())
            accepted = [run.accepted for run in runs if run.accepted is not None]
            rows.append(
                [
                    f"{dataset}, {labelled} labelled images, {segmenter}",
                    name_recipe(recipe),
                    str(len(runs)),
                    _spread([run.seconds["segmenter"] for run in runs]),
                    f"{runs[0].parameters['segmenter']:,}",
                    _spread([run.seconds["generator"] for run in runs]) if recipe[1] else "-",
                    f"{runs[0].parameters['generator']:,}" if recipe[1] else "-",
                    f"{100 * np.mean(accepted):.0f} %" if accepted else "-",
                ]
            )
    columns = ["setup", "arm", "seeds", "segmenter, s", "parameters", "generator, s", "parameters", "accepted"]
    note = (
        "Seconds: mean over seeds, in brackets least and most; interruptions are left out. A generator is trained once "
        "for all arms that use it. Accepted: mean share of synthetic images that gates let through."
    )
    return Table("Durations and sizes", columns, rows, note)


def _spread(seconds: Sequence[float]) -> str:
    mean = f"{np.mean(seconds):.3g}" if np.mean(seconds) < 100 else f"{np.mean(seconds):.0f}"
    return f"{mean} ({min(seconds):.3g} to {max(seconds):.3g})" if len(seconds) > 1 else mean


def list_machines(results: Iterable[CellResult]) -> list[tuple[int, Mapping[str, str]]]:
    """Give the machines that cells were run on, each with the number of cells."""
    found: list[tuple[int, Mapping[str, str]]] = []
    for result in results:
        place = next((number for number, (_, machine) in enumerate(found) if machine == result.machine), None)
        if place is None:
            found.append((1, result.machine))
        else:
            found[place] = (found[place][0] + 1, result.machine)
    return found


def list_failures(cells: Iterable[Cell], store: CellStore, kitchens: Kitchens) -> list[Failure]:
    """Give the cells whose last run failed, in this process or in another one."""
    files = [(cell, store.failures / f"{kitchens(cell).key(cell)}.txt") for cell in cells]
    return [
        Failure(cell.title, last_error(file.read_text(encoding="utf-8")), f"{file.parent.name}/{file.name}")
        for cell, file in files
        if file.is_file()
    ]


def last_error(text: str) -> str:
    """Give the first line of the error that a traceback ends with.

    Example:
        >>> last_error("Traceback (most recent call last):\\n  File ...\\nValueError: no\\nmore of it")
        'ValueError: no'
    """
    lines = text.splitlines() or [""]
    after_stack = [line for before, line in pairwise(lines) if before.startswith(" ") and line[:1].strip()]
    return after_stack[-1] if after_stack else lines[0]


def flatten_plan(plan: GridPlan) -> dict[str, Any]:
    """Give a plan as nested mappings, its list of cells numbered, and of these only what was said."""
    content = asdict(plan)
    cells = {
        str(number): {key: ", ".join(map(str, value)) for key, value in entry.items() if value}
        for number, entry in enumerate(content["cells"])
    }
    return {**content, "seeds": ", ".join(map(str, plan.seeds)), "cells": cells}


def write_command(
    folder: Path,
    content: Mapping[str, Any],
    *,
    data_dir: str | os.PathLike[str] | None,
    setting: str,
    device: str | None,
) -> str:
    """Write the plan beside the results, and give the command line that goes on with it or repeats it.

    Args:
        folder: of the grid.
        content: of the plan's file.
        data_dir: as it was given.
        setting: as it was given.
        device: as it was given.
    """
    import yaml

    file = folder / PLAN_FILE
    with replacing(file) as hidden:
        hidden.write_text(yaml.safe_dump(dict(content), sort_keys=False), encoding="utf-8")
    parts = ["monai-genaug", "benchmark", str(file)]
    for option, value in (("--data", data_dir), ("--out", folder), ("--setting", setting), ("--device", device)):
        parts += [] if value is None else [option, os.fspath(value)]
    return shlex.join(parts)
