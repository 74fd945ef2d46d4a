"""Files of a grid: a cell's scores, why one failed, and whether what lies there can be used."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.scores import SCORES
from monai_genaug.data import replacing

logger = logging.getLogger(__name__)
FORMAT = 1  # of the files; another one is another key


class CellResult(NamedTuple):
    """What a cell found.

    Args:
        cell: what it compared.
        names: of the test images.
        groups: of the test images.
        scores: one for each test image, by the name of the measure.
        labelled: names of the labelled training images.
        seconds: of the segmenter's training, and of the generator's, 0 without one.
        parameters: of the segmenter, and of the generator's network.
        machine: that it was run on.
        accepted: share of synthetic images that gates let through while the segmenter was trained; None without gates,
            or if the training went on in another process, or workers made the images.
        given: share of the synthetic pairs that were wanted for which there was one in the end, likewise.
    """

    cell: Cell
    names: Sequence[str]
    groups: Sequence[str]
    scores: Mapping[str, Sequence[float]]
    labelled: Sequence[str]
    seconds: Mapping[str, float]
    parameters: Mapping[str, int]
    machine: Mapping[str, str]
    accepted: float | None = None
    given: float | None = None


def digest_of_values(values: Any) -> str:
    """Hash what JSON can hold; 20 hexadecimal digits.

    Example:
        >>> digest_of_values({"a": 1, "b": 2}) == digest_of_values({"b": 2, "a": 1})
        True
    """
    text = json.dumps([FORMAT, values], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def check_scores(result: CellResult) -> None:
    """Raise ValueError where a measure is missing, or does not hold a finite number for each test image."""
    if set(result.scores) != set(SCORES):
        raise ValueError(f"it holds the measures {', '.join(result.scores)}, expected {', '.join(SCORES)}")
    counts = {len(values) for values in (*result.scores.values(), result.names, result.groups)}
    if len(counts) != 1:
        raise ValueError(f"it holds lists of lengths {sorted(counts)}")
    if not all(math.isfinite(value) for values in result.scores.values() for value in values):
        raise ValueError("it holds scores that are not finite")


class CellStore:
    """Reads and writes the cells of one output folder; a file is written aside and renamed.

    Args:
        folder: of the grid; ``cells/`` and ``failures/`` lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self.cells, self.failures = folder / "cells", folder / "failures"

    def read(self, key: str) -> CellResult | None:
        """Give a cell's result; None where there is none, or one that is damaged, which the log says."""
        file = self.cells / f"{key}.json"
        if not file.is_file():
            return None
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            result = CellResult(**{**content, "cell": Cell(**content["cell"])})
            check_scores(result)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("%s is damaged (%s): the cell is run again.", file, error)
            return None
        return result

    def write(self, key: str, result: CellResult) -> None:
        """Write a cell's result, and forget that it failed before."""
        content = {**result._asdict(), "cell": result.cell._asdict()}
        with replacing(self.cells / f"{key}.json") as hidden:
            hidden.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        (self.failures / f"{key}.txt").unlink(missing_ok=True)

    def write_failure(self, key: str, text: str) -> Path:
        """Write why a cell failed; gives the file."""
        file = self.failures / f"{key}.txt"
        with replacing(file) as hidden:
            hidden.write_text(text, encoding="utf-8")
        return file
