"""How far a grid is, and when its time is over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from monai_genaug.training.progress import Course, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class OutOfTimeError(Exception):
    """The time that a run was given is over; what was trained is kept."""


class Watch:
    """Shows how many cells are done and how far the present training is, and ends a run whose time is over.

    Args:
        bars: where to show it.
        seconds: after which trainings end with `OutOfTimeError`; None: never.

    Example:
        >>> from monai_genaug.training.progress import progress_bars
        >>> with progress_bars(show=False) as bars:
        ...     Watch(bars, seconds=1e-9).course("U-Net")(1, 2, {"loss": 0.5})
        Traceback (most recent call last):
            ...
        monai_genaug.benchmark.grid.watch.OutOfTimeError
    """

    def __init__(self, bars: Bars, seconds: float | None) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(f"minutes is {seconds / 60:g}, expected a number above 0: leave it out for no limit.")
        self.bars, self.end = bars, None if seconds is None else time.monotonic() + seconds

    def begin(self, cells: int) -> None:
        """Show how many cells there are."""
        self.task = self.bars.add_task("cells", total=cells, losses="")

    def advance(self) -> None:
        """Show that one more is there."""
        self.bars.advance(self.task)

    def check(self) -> None:
        """Raise OutOfTimeError if the time is over."""
        if self.end is not None and time.monotonic() >= self.end:
            raise OutOfTimeError

    def course(self, title: str) -> Progress:
        """Give what shows the progress of one training, and is gone when that ends."""
        course = Course(title, self.bars)

        def tell(done: int, total: int, losses: dict[str, float]) -> None:
            course(done, total, losses)
            if done == total:
                course.hide()
                return
            try:
                self.check()
            except OutOfTimeError:
                course.hide()
                raise

        return tell
