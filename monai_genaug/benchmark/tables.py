"""What a benchmark gives back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from monai_genaug.tables import Table


class BenchmarkResult(NamedTuple):
    """Where a benchmark wrote, and what it found.

    Args:
        folder: with results.json and further files.
        tables: to be shown.
        failures: what could not be done, a line each.
        unfinished: what is to be said of work that was left for another call; empty if none was.
    """

    folder: Path
    tables: list[Table]
    failures: Sequence[str] = ()
    unfinished: str = ""
