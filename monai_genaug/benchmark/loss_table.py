"""Losses and durations of a training, kept in a file as they come, so that a stop loses none of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from monai_genaug.data import replacing
from monai_genaug.training.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

TIMES = ("iteration", "seconds")  # the first columns; all others are losses


class LossFile:
    """Writes a line for each iteration of a training that calls it as its `progress`.

    ``seconds`` is the time since the iteration before was told of, which for the first one of an epoch includes the
    saving of weights; nothing for the first one after a start. A training that goes on repeats iterations that it had
    told of before: their earlier lines are replaced.

    Args:
        path: CSV file with the columns iteration, seconds and one for each loss.
        then: what else is told of each iteration; the time that it takes is left out of ``seconds``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "losses.csv")
        ...     for first in (1, 2):  # the second time, it goes on from the second iteration
        ...         with LossFile(path) as tell:
        ...             for done in range(first, 4):
        ...                 tell(done, 3, {"g_loss": first / 2})
        ...     read_losses(path, 3)["g_loss"].tolist()
        [0.5, 1.0, 1.0]
    """

    def __init__(self, path: Path, then: Sequence[Progress] = ()) -> None:
        self.path, self.then = path, tuple(then)
        self._names: list[str] = []
        self._file: TextIO | None = None
        self._ended: float | None = None

    def __enter__(self) -> LossFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, done: int, total: int, losses: dict[str, float]) -> None:
        """Write the line of an iteration and tell the others."""
        seconds = "" if self._ended is None else f"{time.perf_counter() - self._ended:.6f}"
        if self._file is None:
            self._names = [name for name in losses if name != "loss"]  # which is g_loss again
            self._file = self._open(done)
        values = [str(done), seconds, *(f"{losses[name]:.7g}" for name in self._names)]
        self._file.write(",".join(values) + "\n")
        for tell in self.then:
            tell(done, total, losses)
        self._ended = time.perf_counter()

    def _open(self, done: int) -> TextIO:
        """Keep the lines before an iteration, take away the others, and go on from there."""
        header = ",".join([*TIMES, *self._names])
        lines = self.path.read_text(encoding="utf-8").splitlines() if done > 1 and self.path.is_file() else [header]
        if lines[:1] != [header]:
            raise ValueError(
                f"{self.path} begins with {lines[:1]}, expected {header!r}: it is of another training, choose another "
                "output folder."
            )
        whole = [line for line in lines[1:] if line.count(",") == header.count(",")]  # a crash may cut the last
        kept = [line for line in whole if int(line.split(",", 1)[0]) < done]
        with replacing(self.path) as hidden:
            hidden.write_text("".join(f"{line}\n" for line in [header, *kept]), encoding="utf-8")
        return self.path.open("a", buffering=1, encoding="utf-8")  # each line goes out at once


def read_losses(path: Path, total: int) -> pd.DataFrame:
    """Read what `LossFile` wrote of a finished training.

    Args:
        path: of the file.
        total: iterations of the training.

    Returns:
        A row for each iteration, in order.

    Raises:
        ValueError: if iterations are missing.

    Example:
        >>> read_losses(Path("nowhere/losses.csv"), 5)
        Traceback (most recent call last):
            ...
        ValueError: nowhere/losses.csv has 0 iterations of a finished training, expected 5: ...
    """
    import pandas as pd

    frame = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=[*TIMES])
    if frame["iteration"].tolist() != list(range(1, total + 1)):
        raise ValueError(
            f"{path} has {len(frame)} iterations of a finished training, expected {total}: delete {path.parent} and "
            "run again, so that this model is trained again."
        )
    return frame


def average_losses(frame: pd.DataFrame, intervals: int) -> list[dict[str, Any]]:
    """Average each loss over intervals of equal length, which differ by one iteration where they do not fit.

    Args:
        frame: of `read_losses`, or those of several trainings of equal length below each other.
        intervals: at least 1 and at most the number of iterations.

    Returns:
        For each interval and loss, by turns, ``{"first", "last", "loss", "mean", "std"}``: first and last iteration,
        the loss's name, mean and standard deviation over the interval (None for a single value).

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"iteration": [1, 2, 3, 4], "seconds": 0.1, "g_loss": [1.0, 3.0, 5.0, 5.0]})
        >>> [(part["first"], part["last"], part["mean"], part["std"]) for part in average_losses(frame, 2)]
        [(1, 2, 2.0, 1.4142135623730951), (3, 4, 5.0, 0.0)]
    """
    total = int(frame["iteration"].max())
    if not 1 <= intervals <= total:
        raise ValueError(f"intervals is {intervals}, expected 1 to {total}, the number of iterations.")
    names = [name for name in frame.columns if name not in TIMES]
    chunks = np.array_split(np.arange(1, total + 1), intervals)
    parts = [frame[frame["iteration"].between(chunk[0], chunk[-1])] for chunk in chunks]
    return [
        {
            "first": int(part["iteration"].min()),
            "last": int(part["iteration"].max()),
            "loss": name,
            "mean": float(part[name].mean()),
            "std": float(part[name].std()) if len(part) > 1 else None,
        }
        for part in parts
        for name in names
    ]


def median_seconds(frame: pd.DataFrame, epoch_length: int) -> dict[str, float | None]:
    """Give the median duration of an iteration and of an epoch, of those that were timed from end to end.

    Args:
        frame: likewise.
        epoch_length: iterations of an epoch.

    Returns:
        ``{"seconds_per_iteration", "seconds_per_epoch"}``; None where no whole one was timed.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"iteration": [1, 2, 3, 4], "seconds": [None, 0.5, 0.75, 0.5]})
        >>> median_seconds(frame, 2)
        {'seconds_per_iteration': 0.5, 'seconds_per_epoch': 1.25}
    """
    epochs = frame["seconds"].to_numpy(dtype=float).reshape(-1, epoch_length).sum(axis=1)  # NaN where one is unknown
    medians = {"seconds_per_iteration": frame["seconds"].median(), "seconds_per_epoch": _median(epochs)}
    return {name: None if np.isnan(value) else float(value) for name, value in medians.items()}


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan
