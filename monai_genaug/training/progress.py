"""What a training tells while it runs: bars for people, losses for charts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Progress = Callable[[int, int, dict[str, float]], None]  # done, total, losses

SHOWN = ("loss", "d_loss")  # a line of 80 characters has room for two


class Course:
    """Losses and duration of one training, which calls it as its `progress`.

    Args:
        name: what is trained.
        bars: where to show how far it is.

    Attributes:
        losses: values of each loss, one for each iteration.
        seconds: from the making of this object to the last iteration.

    Example:
        >>> with progress_bars(show=False) as bars:
        ...     course = Course("U-Net", bars)
        ...     course(1, 2, {"loss": 0.5})
        ...     course(2, 2, {"loss": 0.25})
        >>> course.iterations, course.losses
        (2, {'loss': [0.5, 0.25]})
    """

    def __init__(self, name: str, bars: Bars) -> None:
        self.name = name
        self.losses: dict[str, list[float]] = {}
        self.iterations, self.seconds = 0, 0.0
        self._bars, self._started = bars, time.perf_counter()
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int, losses: dict[str, float]) -> None:
        """Note the losses of an iteration and move the bar."""
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)
        self.iterations, self.seconds = done, time.perf_counter() - self._started
        shown = "  ".join(f"{name} {value:.3g}" for name, value in losses.items() if name in SHOWN)
        if self._task is None:  # not before, so that no empty bar stands above an error
            self._task = self._bars.add_task(self.name, total=total, losses="")
        self._bars.update(self._task, completed=done, total=total, losses=shown)
        tenth = done * 10 // total > (done - 1) * 10 // total
        if tenth and not self._bars.disable and not self._bars.console.is_terminal:  # a log shows no moving bar
            self._bars.console.print(f"{self.name} {done}/{total} {shown}")

    def hide(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bars.update(self._task, visible=False)


@contextmanager
def progress_bars(*, show: bool = True) -> Iterator[Bars]:
    """Give bars with iterations, remaining time and losses, on standard error.

    Example:
        >>> with progress_bars(show=False) as bars:
        ...     len(bars.tasks)
        0
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not show) as bars:
        yield bars
