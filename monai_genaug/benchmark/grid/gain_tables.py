"""Gains as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from monai_genaug.benchmark.grid.gains import MIN_SEEDS, Difference, Gain, Setup, baseline_of, name_recipe
from monai_genaug.benchmark.grid.scores import SCORES
from monai_genaug.benchmark.label_efficiency import LabelWorth
from monai_genaug.tables import Table


def gain_tables(gains: Sequence[Gain]) -> list[Table]:
    """Write gains in Dice for people, one table for each data set, number of labels and segmenter."""
    return [_gain_table(setup, part) for setup, part in _by_setup(gains)]


def _gain_table(setup: Setup, gains: Sequence[Gain]) -> Table:
    """Write the gains of one setup; without labels there is no copy-paste, and without gates all pairs were given."""
    columns = ["arm", "seeds", "Dice", f"over {baseline_of(setup)[0]}", "over copy-paste", "p", "worth in labels"]
    rows = [[name_recipe(gain.recipe), *_row(gain)] for gain in gains]
    if setup[1] == 0:
        del columns[4]
        rows = [row[:4] + row[5:] for row in rows]
    if any(gain.given is not None for gain in gains):
        columns.append("pairs given")
        shares = ["-" if gain.given is None else f"{100 * gain.given:.0f} %" for gain in gains]
        rows = [[*row, share] for row, share in zip(rows, shares, strict=True)]
    return Table(_title(setup), columns, rows, _note(gains))


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
        "over test groups of the means over seeds, with Holm's correction: it tells of these trainings, not of others; "
        "it is left out where the test groups are too few for it to come below 0.05. Worth: with how many labels "
        "classic has this Dice, by its learning curve, which is made to rise; where there are labels, it is told of "
        "gains whose interval leaves out 0. Dice is of all foreground: classes are not told apart."
    ]
    if any(gain.given is not None for gain in gains):
        notes.append("Pairs given: of the synthetic ones that were wanted, the share that gates let one through for.")
    if any(interval is None for interval in intervals):
        notes.append(
            f"No interval, no p and no worth is given below {MIN_SEEDS} seeds, which cannot tell how trainings differ: "
            "this is a smoke test, not evidence."
        )
    methods = sorted({interval.method for interval in intervals if interval is not None})
    if methods:
        notes.append(f"In brackets: 95 % intervals ({'; '.join(methods)}).")
    return " ".join(notes)
