"""Files of a grid's results: every score, and every gain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monai_genaug.benchmark.grid.gains import Gain, baseline_of
from monai_genaug.benchmark.grid.scores import SCORES
from monai_genaug.benchmark.grid.store import CellResult
from monai_genaug.data import replacing
from monai_genaug.tables import Table


def write_results(folder: Path, results: Sequence[CellResult], gains: Sequence[Gain], tables: Sequence[Table]) -> None:
    """Write scores.csv (a row for each test image of each cell), gains.csv (a row for each recipe) and table.md.

    Args:
        folder: where to.
        results: of all cells that are there.
        gains: of `measure_gains`.
        tables: of `gain_tables`.
    """
    import pandas as pd

    scores = [
        {**result.cell._asdict(), "labelled_images": len(result.labelled), "image": name, "group": group}
        | {measure: result.scores[measure][number] for measure in SCORES}
        for result in results
        for number, (name, group) in enumerate(zip(result.names, result.groups, strict=True))
    ]
    rows = [_flatten(gain) for gain in gains]
    texts = {
        "scores.csv": pd.DataFrame(scores).to_csv(index=False, float_format="%.7g"),
        "gains.csv": pd.DataFrame(rows).to_csv(index=False, float_format="%.7g"),
        "table.md": "\n".join(table.to_markdown() for table in tables),
    }
    for name, text in texts.items():
        with replacing(folder / name) as hidden:
            hidden.write_text(text, encoding="utf-8")


def _flatten(gain: Gain) -> dict[str, object]:
    """Give a gain as one row."""
    dataset, labelled, segmenter = gain.setup
    arm, generator, share = gain.recipe
    row: dict[str, object] = {
        "dataset": dataset,
        "labelled_images": labelled,
        "segmenter": segmenter,
        "arm": arm,
        "generator": generator,
        "share": share,
        "baseline": baseline_of(gain.setup)[0],
        "seeds": len(gain.seeds),
        **gain.means,
    }
    for name, differences in (("baseline", gain.over_baseline), ("copy_paste", gain.over_control)):
        for measure, found in (differences or {}).items():
            start = f"{measure}_over_{name}"
            row[start] = found.mean
            if found.interval is not None:
                row |= {f"{start}_low": found.interval.low, f"{start}_high": found.interval.high}
    return {
        **row,
        "p_holm": gain.p,
        "worth_labels": gain.worth and gain.worth.labels,
        "worth_reached": gain.worth and gain.worth.reached,
        "pairs_given": gain.given,
        "generator_seconds": gain.seconds,
    }
