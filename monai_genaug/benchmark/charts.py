"""Charts as coordinates, for a template to draw as SVG: curves, points with intervals, scatters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 320.0, 120.0  # of the plotted area, in the units of the SVG
TALL = 190.0  # height of the plotted area of points with intervals
SIDE = 130.0  # of the plotted area of a scatter
MARGIN = 18.0  # between the plotted area's sides and its first and last number of labels
STEP = 9.0  # from one series to the next at the same number, at most
APART = 26.0  # of two ticks with texts, at least
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


class Measured(NamedTuple):
    """A measured value over a number, in their own units.

    Args:
        x: the number; above 0 for `interval_chart`.
        y: the value.
        low: lower end of its interval; None without one.
        high: upper end.
        text: what a reader who points at it is told.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    text: str = ""


class Mark(NamedTuple):
    """A point with its interval, in the units of the SVG, and what it says."""

    x: float
    y: float
    low: float | None
    high: float | None
    text: str


class Series(NamedTuple):
    """Points of one name; ``points`` are those of the line that joins them, empty where none does."""

    name: str
    marks: list[Mark]
    points: str


class IntervalChart(NamedTuple):
    """A chart of points with intervals; ``zero`` is the height of 0, None where that is not shown."""

    title: str
    summary: str
    series: list[Series]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    zero: float | None


class ScatterChart(NamedTuple):
    """A square chart of pairs of values; its ticks hold for both axes, upward they are ``SIDE - at`` from the top."""

    title: str
    summary: str
    marks: list[Mark]
    ticks: list[Tick]


def interval_chart(
    title: str, series: Mapping[str, Sequence[Measured]], *, curve: str | None = None, zero: bool = False
) -> IntervalChart:
    """Lay out points with intervals over the logarithm of a number, beside each other where they share one.

    Args:
        title: what the chart shows.
        series: points by the name of their series.
        curve: name of the series whose points a line joins; they stand at their number, the others right of it.
        zero: whether the axis of values holds 0.

    Returns:
        The chart; its summary gives every point in words.

    Raises:
        ValueError: if there is no point, a number is not above 0, or a value is not finite.

    Example:
        >>> chart = interval_chart("gain", {"a": [Measured(4, 0.1, 0.0, 0.2)], "b": [Measured(16, 0.3)]}, zero=True)
        >>> chart.summary, [tick.text for tick in chart.y_ticks], chart.zero
        ('a: 0.1 (0 to 0.2) at 4; b: 0.3 at 16', ['0', '0.1', '0.2', '0.3'], 190.0)
    """
    points = [point for part in series.values() for point in part]
    values = [end for point in points for end in (point.y, point.low, point.high) if end is not None]
    if not points or min(point.x for point in points) <= 0 or not all(map(math.isfinite, values)):
        raise ValueError(f"chart {title!r} has the points {points}, expected some, over numbers > 0 and finite.")
    steps = _round_steps(min([*values, *([0.0] if zero else [])]), max([*values, *([0.0] if zero else [])]))
    low, high = steps[0], steps[-1]
    others = [name for name in series if name != curve]
    place, step = _place_numbers(sorted({point.x for point in points}), len(others))

    def up(value: float) -> float:
        return round(TALL * (high - value) / (high - low), 1)

    def shift(name: str, number: float) -> float:
        """Give how far right of its number a point stands: as many steps as others before it stand there."""
        there = [other for other, part in series.items() if any(point.x == number for point in part)]
        first = [curve] if curve in there else []
        return step * [*first, *(other for other in there if other != curve)].index(name)

    laid = []
    for name, part in series.items():
        marks = [
            Mark(
                round(place[point.x] + shift(name, point.x), 1),
                up(point.y),
                None if point.low is None else up(point.low),
                None if point.high is None else up(point.high),
                point.text,
            )
            for point in sorted(part, key=lambda point: point.x)
        ]
        line = " ".join(f"{mark.x},{mark.y}" for mark in marks) if name == curve else ""
        laid.append(Series(name, marks, line))
    summary = "; ".join(f"{name}: {', '.join(map(_say, part))}" for name, part in series.items() if part)
    y_ticks = [Tick(up(value), f"{value:g}") for value in steps]
    return IntervalChart(title, summary, laid, _ticks(place), y_ticks, up(0.0) if low <= 0.0 <= high else None)


def scatter_chart(title: str, points: Sequence[Measured], *, bounds: tuple[float, float]) -> ScatterChart:
    """Lay out pairs of values of one kind over each other, on a square with equal axes.

    Args:
        title: what the chart shows.
        points: one for each pair.
        bounds: of both axes, which are widened to round numbers; they hold all pairs.

    Returns:
        The chart; its summary counts the points on each side of the diagonal.

    Raises:
        ValueError: if there is no point, or one lies outside the bounds.

    Example:
        >>> chart = scatter_chart("Dice", [Measured(0.0, 1.0, text="a"), Measured(0.5, 0.5)], bounds=(0.0, 1.0))
        >>> chart.summary, chart.marks[0]
        ('2 points: 1 above the diagonal, 0 below, 1 on it', Mark(x=0.0, y=0.0, low=None, high=None, text='a'))
    """
    low, high = bounds
    if not points or not all(low <= value <= high for point in points for value in (point.x, point.y)):
        raise ValueError(f"chart {title!r} has the points {points}, expected some, all within {bounds}.")
    steps = _round_steps(low, high, count=3)
    low, scale = steps[0], SIDE / (steps[-1] - steps[0])
    marks = [
        Mark(round(scale * (point.x - low), 1), round(SIDE - scale * (point.y - low), 1), None, None, point.text)
        for point in points
    ]
    above, below = (sum(side * (point.y - point.x) > 0 for point in points) for side in (1, -1))
    summary = f"{len(points)} points: {above} above the diagonal, {below} below, {len(points) - above - below} on it"
    return ScatterChart(title, summary, marks, [Tick(round(scale * (value - low), 1), f"{value:g}") for value in steps])


def _round_steps(low: float, high: float, count: int = 4) -> list[float]:
    """Give about `count` + 1 round numbers, equally far from each other, that hold low and high between them."""
    if high <= low:
        low, high = low - 0.05, high + 0.05
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if rough <= factor * power * 1.001)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _place_numbers(numbers: Sequence[float], others: int) -> tuple[dict[float, float], float]:
    """Place numbers by their logarithm, with room for the other series right of each; gives the step between these."""
    width = WIDTH - 2 * MARGIN
    if len(numbers) == 1:
        step = min(STEP, width / 2 / max(1, others))
        return {numbers[0]: round(MARGIN + (width - step * others) / 2, 1)}, step
    logs = np.log(np.asarray(numbers, dtype=np.float64))
    shares = (logs - logs[0]) / (logs[-1] - logs[0])
    nearest = float(np.diff(shares).min())
    step = min(STEP, width * nearest / (others + 1 + others * nearest))  # so that all series fit between two numbers
    places = MARGIN + (width - step * others) * shares
    return dict(zip(numbers, places.round(1).tolist(), strict=True)), step


def _ticks(place: Mapping[float, float]) -> list[Tick]:
    """Mark the numbers; one that is too near to the last text has none."""
    ticks: list[Tick] = []
    last = -math.inf
    for number, at in place.items():
        told = at - last >= APART
        last = at if told else last
        ticks.append(Tick(at, f"{number:g}" if told else ""))
    return ticks


def _say(point: Measured) -> str:
    """Give a point in words."""
    interval = "" if point.low is None else f" ({point.low:.3g} to {point.high:.3g})"
    return f"{point.y:.3g}{interval} at {point.x:g}"
