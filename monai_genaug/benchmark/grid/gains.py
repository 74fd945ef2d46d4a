"""What arms gain over others in the same block: means, paired intervals, rank tests, worth in labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from monai_genaug.benchmark.grid.plan import BASELINE, CONTROL, SOURCE
from monai_genaug.benchmark.grid.scores import SCORES
from monai_genaug.benchmark.grid.store import CellResult
from monai_genaug.benchmark.label_efficiency import LabelWorth, labels_worth
from monai_genaug.benchmark.significance import holm, wilcoxon_p
from monai_genaug.benchmark.stats import PairedInterval, paired_interval
from monai_genaug.tables import Table

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
            itself.
        worth: labels with which `classic` has the same Dice; None without a learning curve.
        seconds: mean time of the training of its generator.
        headroom: the largest number of labels that `classic` was run with, and its mean Dice; None if it was not.
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
    headroom: tuple[int, float] | None = None


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
            if recipe != own and runs.keys() & baseline.keys()
        }
        names = {str(recipe): p for recipe, p in p_values.items() if p is not None}
        corrected = holm(names)
        curve = learning_curve(table, setup[0], setup[2])
        for recipe, runs in recipes.items():
            control = recipes.get((CONTROL, None, recipe[2]), {})
            means = {name: _mean(runs.values(), name) for name in SCORES}
            gains.append(
                Gain(
                    setup,
                    recipe,
                    tuple(sorted(runs)),
                    means,
                    None if recipe == own else _differences(runs, baseline),
                    None if recipe[0] in (BASELINE, CONTROL, SOURCE, "none") else _differences(runs, control),
                    corrected.get(str(recipe)),
                    labels_worth(curve, means["dice"]) if len(curve) > 1 and recipe[0] != BASELINE else None,
                    float(np.mean([run.seconds["generator"] for run in runs.values()])),
                    max(curve.items()) if curve else None,
                )
            )
    return gains


def learning_curve(table: dict[Setup, dict[Recipe, Runs]], dataset: str, segmenter: str) -> dict[int, float]:
    """Give mean Dice of `classic` by number of labelled images: what labels alone bring."""
    return {
        labelled: _mean(recipes[BASELINE, None, 0.0].values(), "dice")
        for (name, labelled, net), recipes in table.items()
        if (name, net) == (dataset, segmenter) and (BASELINE, None, 0.0) in recipes
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


def gain_tables(gains: Sequence[Gain]) -> list[Table]:
    """Write gains in Dice for people, one table for each data set, number of labels and segmenter."""
    return [
        Table(
            _title(setup),
            ["arm", "seeds", "Dice", f"over {baseline_of(setup)[0]}", "over copy-paste", "p", "worth in labels"],
            [[name_recipe(gain.recipe), *_row(gain)] for gain in part],
            _note(part),
        )
        for setup, part in _by_setup(gains)
    ]


def measure_tables(gains: Sequence[Gain], *, tolerance: float) -> list[Table]:
    """Write the means of all measures for people, and how long the generators were trained."""
    columns = ["arm", "Dice", "Jaccard", "HD95", "NSD", "F1", "AJI", "generator, s"]
    note = (
        f"Means over seeds and test images; HD95 in voxels, NSD: share of both surfaces within {tolerance:g} voxels, "
        "F1 of objects at an IoU of 0.5, AJI: aggregated Jaccard index; mean seconds of the generator's training."
    )
    return [
        Table(
            f"{_title(setup)}: all measures",
            columns,
            [
                [
                    name_recipe(gain.recipe),
                    *(
                        f"{gain.means[name]:.1f}" if name == "hausdorff95" else f"{gain.means[name]:.3f}"
                        for name in SCORES
                    ),
                    f"{gain.seconds:.0f}" if gain.seconds else "-",
                ]
                for gain in part
            ],
            note,
        )
        for setup, part in _by_setup(gains)
    ]


def _by_setup(gains: Sequence[Gain]) -> list[tuple[Setup, list[Gain]]]:
    setups = dict.fromkeys(gain.setup for gain in gains)
    return [(setup, [gain for gain in gains if gain.setup == setup]) for setup in setups]


def _title(setup: Setup) -> str:
    dataset, labelled, segmenter = setup
    return f"{dataset}, {labelled} labelled images, {segmenter}"


def name_recipe(recipe: Recipe) -> str:
    """Name a recipe.

    Example:
        >>> name_recipe(("classic+genaug", "pix2pix", 0.3)), name_recipe(("classic", None, 0.0))
        ('classic+genaug, pix2pix, 0.3', 'classic')
    """
    arm, generator, share = recipe
    return ", ".join([arm, *([generator] if generator else []), *([f"{share:g}"] if 0 < share < 1 else [])])


def _row(gain: Gain) -> list[str]:
    return [
        str(len(gain.seeds)),
        f"{gain.means['dice']:.3f}",
        *(
            show_difference(None if found is None else found["dice"])
            for found in (gain.over_baseline, gain.over_control)
        ),
        "-" if gain.p is None else "< 0.001" if gain.p < 0.0005 else f"{gain.p:.3f}",
        show_worth(gain.worth),
    ]


def show_worth(worth: LabelWorth | None) -> str:
    """Write what a score is worth in labels.

    Example:
        >>> show_worth(LabelWorth(12.4, "within")), show_worth(LabelWorth(45.0, "beyond"))
        ('12', 'over 45')
    """
    if worth is None:
        return "-"
    return {"within": "", "below": "under ", "beyond": "over "}[worth.reached] + f"{worth.labels:.0f}"


def show_difference(difference: Difference | None) -> str:
    """Write a difference with its interval.

    Example:
        >>> show_difference(Difference(0.0123, 3, None))
        '+0.012 (3 seeds)'
    """
    if difference is None:
        return "-"
    if difference.interval is None:
        return f"{difference.mean:+.3f} ({difference.seeds} seed{'s' * (difference.seeds > 1)})"
    return f"{difference.mean:+.3f} ({difference.interval.low:+.3f} to {difference.interval.high:+.3f})"


def _note(gains: Sequence[Gain]) -> str:
    intervals = [
        part["dice"].interval for gain in gains for part in (gain.over_baseline, gain.over_control) if part is not None
    ]
    notes = [
        "Mean Dice over seeds and test images. Differences are paired by seed and test image; p is of Wilcoxon's test "
        "over test groups, with Holm's correction; worth: with how many labels classic has this Dice."
    ]
    if any(interval is None for interval in intervals):
        notes.append(
            f"No interval is given below {MIN_SEEDS} seeds, which cannot tell how trainings differ: this is a smoke "
            "test, not evidence."
        )
    methods = sorted({interval.method for interval in intervals if interval is not None})
    if methods:
        notes.append(f"In brackets: 95 % intervals ({'; '.join(methods)}).")
    return " ".join(notes)
