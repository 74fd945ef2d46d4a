"""What arms gain over others in the same block: means, paired intervals, rank tests, worth in labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from monai_genaug.benchmark.grid.plan import BASELINE, CONTROL, SOURCE
from monai_genaug.benchmark.grid.scores import SCORES
from monai_genaug.benchmark.grid.store import CellResult
from monai_genaug.benchmark.label_efficiency import LabelWorth, labels_worth
from monai_genaug.benchmark.significance import holm, wilcoxon_p
from monai_genaug.benchmark.stats import PairedInterval, paired_interval

LEVEL = 0.05  # a test that cannot come below it, however large a gain, tells nothing
MIN_SEEDS = 5  # below which no interval is given: a t interval of two seeds says next to nothing
Setup = tuple[str, int, str]  # data set, number of labelled images, segmenter
Recipe = tuple[str, str | None, float]  # arm, generator, share


class Gain(NamedTuple):
    """What one recipe brings on one data set with one number of labels.

    Args:
        setup: data set, number of labelled images, segmenter.
        recipe: arm, generator, share.
        seeds: that were run.
        means: of each measure, over seeds and test images.
        over_baseline: difference in each measure to the baseline of the setup, over the seeds of both; None for itself.
        over_control: likewise to `copy_paste` of the same share.
        p: of Wilcoxon's test of the Dice difference to the baseline, corrected for the recipes of this setup; None for
            itself, and where the test groups are too few for p to come below `LEVEL`.
        worth: labels with which `classic` has the same Dice; None without a learning curve, and where there are labels
            but the interval of the gain holds 0.
        seconds: mean time of the training of its generator.
        headroom: the largest number of labels that `classic` was run with, its mean Dice and its number of seeds; None
            if it was not.
        given: of the synthetic pairs that were wanted the mean share that gates let one through for; None without
            gates.
    """

    setup: Setup
    recipe: Recipe
    seeds: tuple[int, ...]
    means: dict[str, float]
    over_baseline: dict[str, Difference] | None
    over_control: dict[str, Difference] | None
    p: float | None
    worth: LabelWorth | None
    seconds: float
    headroom: tuple[int, float, int] | None = None
    given: float | None = None


class Difference(NamedTuple):
    """A paired difference of two arms.

    Args:
        mean: over seeds and images.
        seeds: that both arms have.
        interval: None below `MIN_SEEDS` seeds.
    """

    mean: float
    seeds: int
    interval: PairedInterval | None


Runs = dict[int, CellResult]  # by seed


def arrange_runs(results: Iterable[CellResult]) -> dict[Setup, dict[Recipe, Runs]]:
    """Sort results by setup, recipe and seed, in the order in which they come."""
    table: dict[Setup, dict[Recipe, Runs]] = {}
    for result in results:
        cell = result.cell
        setup = (cell.dataset, len(result.labelled), cell.segmenter)
        table.setdefault(setup, {}).setdefault(cell.recipe, {})[cell.seed] = result
    return table


def baseline_of(setup: Setup) -> Recipe:
    """Give what a setup's recipes are compared with: `classic`, or `source` where no image is labelled.

    Example:
        >>> baseline_of(("nuclei", 6, "unet")), baseline_of(("nuclei", 0, "unet"))
        (('classic', None, 0.0), ('source', None, 0.0))
    """
    return BASELINE if setup[1] else SOURCE, None, 0.0


def measure_gains(results: Iterable[CellResult]) -> list[Gain]:
    """Compare all recipes of a grid with the baseline and the control of their setup, paired by seed and test image.

    Args:
        results: of cells, in the order of the plan.

    Returns:
        One for each setup and recipe, in the order in which they come.
    """
    table = arrange_runs(results)
    gains = []
    for setup, recipes in table.items():
        own = baseline_of(setup)
        baseline = recipes.get(own, {})
        p_values = {
            recipe: _p_value(runs, baseline)
            for recipe, runs in recipes.items()
            if recipe != own and len(runs.keys() & baseline.keys()) >= MIN_SEEDS
        }
        corrected = holm({str(recipe): p for recipe, p in p_values.items() if p is not None})
        if baseline and len(corrected) * _least_p(baseline) > LEVEL:
            corrected = {}
        labels_alone = classic_runs(table, setup[0], setup[2])
        curve = {count: _mean(runs.values(), "dice") for count, runs in labels_alone.items() if len(runs) >= MIN_SEEDS}
        most = max(labels_alone, default=0)
        headroom = (most, _mean(labels_alone[most].values(), "dice"), len(labels_alone[most])) if most else None
        for recipe, runs in recipes.items():
            over_baseline = None if recipe == own else _differences(runs, baseline)
            given = [run.given for run in runs.values() if run.given is not None]
            control = recipes.get((CONTROL, None, recipe[2]), {})
            means = {name: _mean(runs.values(), name) for name in SCORES}
            gains.append(
                Gain(
                    setup,
                    recipe,
                    tuple(sorted(runs)),
                    means,
                    over_baseline,
                    None if recipe[0] in (BASELINE, CONTROL, SOURCE, "none") else _differences(runs, control),
                    corrected.get(str(recipe)),
                    labels_worth(curve, means["dice"])
                    if len(curve) > 1 and recipe[0] != BASELINE and (setup[1] == 0 or _is_told(over_baseline))
                    else None,
                    float(np.mean([run.seconds["generator"] for run in runs.values()])),
                    headroom,
                    float(np.mean(given)) if given else None,
                )
            )
    return gains


def classic_runs(table: dict[Setup, dict[Recipe, Runs]], dataset: str, segmenter: str) -> dict[int, Runs]:
    """Give the runs of `classic` by number of labelled images."""
    return {
        labelled: runs
        for (name, labelled, net), recipes in table.items()
        if (name, net) == (dataset, segmenter) and (runs := recipes.get((BASELINE, None, 0.0)))
    }


def _mean(runs: Iterable[CellResult], name: str) -> float:
    return float(np.mean([run.scores[name] for run in runs]))


def _paired(runs: Runs, others: Runs, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give score minus the other's, (seeds, images)."""
    seeds = sorted(runs.keys() & others.keys())
    for seed in seeds:
        if runs[seed].names != others[seed].names:
            raise ValueError(
                f"{runs[seed].cell.title} and {others[seed].cell.title} were scored on different test images."
            )
    return np.array([np.subtract(runs[seed].scores[name], others[seed].scores[name]) for seed in seeds])


def _differences(runs: Runs, others: Runs) -> dict[str, Difference] | None:
    seeds = sorted(runs.keys() & others.keys())
    if not seeds:
        return None
    found = {}
    for name in SCORES:
        values = _paired(runs, others, name)
        interval = paired_interval(values, groups=runs[seeds[0]].groups) if len(seeds) >= MIN_SEEDS else None
        found[name] = Difference(float(values.mean()), len(seeds), interval)
    return found


def _p_value(runs: Runs, others: Runs) -> float | None:
    seeds = sorted(runs.keys() & others.keys())
    groups = runs[seeds[0]].groups
    return wilcoxon_p(_paired(runs, others, "dice"), groups) if len(set(groups)) > 1 else None


def _least_p(runs: Runs) -> float:
    """Give the least p of Wilcoxon's test, where all test groups differ to one side."""
    return float(2.0 ** (1 - len(set(next(iter(runs.values())).groups))))


def _is_told(differences: dict[str, Difference] | None) -> bool:
    """Say whether the interval of the Dice difference leaves out 0."""
    interval = differences["dice"].interval if differences else None
    return interval is not None and not interval.low <= 0 <= interval.high


def name_recipe(recipe: Recipe) -> str:
    """Name a recipe.

    Example:
        >>> name_recipe(("classic+genaug", "pix2pix", 0.3)), name_recipe(("classic", None, 0.0))
        ('classic+genaug, pix2pix, 0.3', 'classic')
    """
    arm, generator, share = recipe
    return ", ".join([arm, *([generator] if generator else []), *([f"{share:g}"] if 0 < share < 1 else [])])
