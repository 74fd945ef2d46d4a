"""The report of an evaluation: one page that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_genaug.evaluation.items import Item
from monai_genaug.evaluation.pictures import show_distances, show_nearest, show_some
from monai_genaug.evaluation.result import EvaluationResult
from monai_genaug.evaluation.tables import list_left_out, list_tables, summarise
from monai_genaug.pages import write_page

TEMPLATE = Path(__file__).with_name("report.html.j2")


def write_report(
    path: Path,
    result: EvaluationResult,
    real: Sequence[Item],
    synthetic: Sequence[Item],
    held_out: Sequence[Item] | None = None,
    *,
    command: str,
) -> Path:
    """Fill the template and write the page; text is escaped, and a name that is missing is an error.

    Args:
        path: the HTML file.
        result: of `evaluate_images`.
        real: items with names, as `evaluate_images` got them.
        synthetic: likewise.
        held_out: likewise.
        command: by which it was made.

    Returns:
        `path`.
    """
    seed = result.settings["seed"]
    return write_page(
        path,
        TEMPLATE,
        summary=summarise(result),
        looks={"real": show_some(real, "real", seed=seed), "synthetic": show_some(synthetic, "synthetic", seed=seed)},
        tables=list_tables(result),
        left_out=list_left_out(result),
        command=command,
        settings={name: str(value) for name, value in result.settings.items()},
        machine=result.machine,
        **_show_copies(result, real, synthetic, held_out),
    )


def _show_copies(
    result: EvaluationResult, real: Sequence[Item], synthetic: Sequence[Item], held_out: Sequence[Item] | None
) -> dict[str, Any]:
    """Show the nearest pairs and all distances, if there are any."""
    copies = result.copies
    if copies is None:
        return {"strip": None, "nearest": [], "nearest_real": []}
    others = real if held_out is None else held_out
    kind = "real" if held_out is None else "held-out real"
    return {
        "strip": show_distances(copies),
        "nearest": show_nearest(copies.synthetic, synthetic, real, "synthetic"),
        "nearest_real": show_nearest(copies.baseline, others, real, kind, count=3),
    }
