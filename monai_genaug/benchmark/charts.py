"""Line charts as coordinates, for a template to draw as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 320.0, 120.0  # of the plotted area, in the units of the SVG
BINS = 60


class Tick(NamedTuple):
    """A mark on an axis: where it is, in the units of the SVG, and what it says."""

    at: float
    text: str


class Line(NamedTuple):
    """One curve: its name and ``x,y`` pairs, in the units of the SVG."""

    name: str
    points: str


class Chart(NamedTuple):
    """A chart of curves over iterations."""

    title: str
    summary: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def line_chart(title: str, curves: Mapping[str, Sequence[float]]) -> Chart:
    """Lay out curves over iterations, smoothed by means over at most 60 stretches, from 0 upward.

    Args:
        title: what the chart shows.
        curves: values >= 0 by the name of their curve, one for each iteration, equally many in each.

    Returns:
        The chart; its summary says in words where each curve begins and ends.

    Raises:
        ValueError: if there are no values, or the curves differ in length.

    Example:
        >>> chart = line_chart("loss", {"training": [4.0, 3.0, 1.0]})
        >>> chart.summary, [tick.text for tick in chart.y_ticks]
        ('training: from 4 to 1', ['0', '2', '4'])
        >>> chart.lines[0].points
        '0.0,0.0 160.0,30.0 320.0,90.0'
    """
    lengths = {len(values) for values in curves.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"chart {title!r} has curves of lengths {sorted(lengths)}, expected one length above 0.")
    [total] = lengths
    smooth = {name: [float(part.mean()) for part in _stretches(values)] for name, values in curves.items()}
    top = _round_up(max(map(max, smooth.values())))
    lines = [Line(name, _points(values, top)) for name, values in smooth.items()]
    summary = "; ".join(f"{name}: from {values[0]:.2g} to {values[-1]:.2g}" for name, values in smooth.items())
    x_ticks = [Tick(WIDTH * share, f"{total * share:.0f}") for share in (0.0, 0.5, 1.0)]
    y_ticks = [Tick(HEIGHT * (1 - share), f"{top * share:g}") for share in (0.0, 0.5, 1.0)]
    return Chart(title, summary, lines, x_ticks, y_ticks)


def _stretches(values: Sequence[float]) -> list[np.ndarray]:
    """Cut values into at most 60 stretches of about equal length."""
    return np.array_split(np.asarray(values, dtype=np.float64), min(BINS, len(values)))


def _round_up(value: float) -> float:
    """Give the next of 1, 2, 4 and 10 times a power of ten; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((factor * power for factor in (1, 2, 4) if value <= factor * power), 10 * power)


def _points(values: Sequence[float], top: float) -> str:
    """Place values from left to right; an SVG counts y downward."""
    step = WIDTH / max(1, len(values) - 1)
    return " ".join(f"{step * i:.1f},{HEIGHT * (1 - value / top):.1f}" for i, value in enumerate(values))
