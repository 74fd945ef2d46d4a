"""Line charts, points with intervals, scatters."""

from __future__ import annotations

import numpy as np
import pytest

from monai_genaug.benchmark.charts import HEIGHT, SIDE, TALL, WIDTH, Measured, interval_chart, line_chart, scatter_chart


def coordinates(points: str) -> np.ndarray:
    return np.array([pair.split(",") for pair in points.split()], dtype=float)


def test_a_curve_runs_from_left_to_right_and_upward_from_zero():
    chart = line_chart("loss", {"a": [0.0, 1.0, 2.0]})
    assert coordinates(chart.lines[0].points).tolist() == [[0, HEIGHT], [WIDTH / 2, HEIGHT / 2], [WIDTH, 0]]


def test_curves_share_one_scale_that_holds_the_largest_value():
    chart = line_chart("loss", {"low": [1.0, 1.0], "high": [30.0, 30.0]})
    assert [tick.text for tick in chart.y_ticks] == ["0", "20", "40"]
    assert coordinates(chart.lines[0].points)[0, 1] == pytest.approx(HEIGHT * (1 - 1 / 40), abs=0.1)
    assert coordinates(chart.lines[1].points)[0, 1] == pytest.approx(HEIGHT / 4, abs=0.1)


def test_many_iterations_are_averaged_to_sixty_points():
    values = np.random.default_rng(0).uniform(0, 1, 6000)
    heights = coordinates(line_chart("loss", {"a": values.tolist()}).lines[0].points)[:, 1]
    assert len(heights) == 60
    assert HEIGHT * (1 - heights.mean() / HEIGHT) == pytest.approx(HEIGHT * values.mean(), rel=0.02)


@pytest.mark.parametrize(("value", "top"), [(0.0, 1.0), (0.03, 0.04), (1.0, 1.0), (4.1, 10.0), (999.0, 1000.0)])
def test_the_axis_ends_at_a_round_number(value, top):
    assert float(line_chart("loss", {"a": [value]}).y_ticks[-1].text) == pytest.approx(top)


@pytest.mark.parametrize("curves", [{}, {"a": []}, {"a": [1.0], "b": [1.0, 2.0]}])
def test_curves_of_unequal_length_or_none_are_refused(curves):
    with pytest.raises(ValueError, match="expected one length above 0"):
        line_chart("loss", curves)


def marks(chart, name):
    [found] = [series.marks for series in chart.series if series.name == name]
    return found


def test_numbers_of_labels_are_equally_far_where_they_double():
    chart = interval_chart("Dice", {"classic": [Measured(x, 0.5 + x / 100) for x in (4, 8, 16)]}, curve="classic")
    places = [tick.at for tick in chart.x_ticks]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.1)
    assert [tick.text for tick in chart.x_ticks] == ["4", "8", "16"]
    assert [mark.x for mark in marks(chart, "classic")] == places
    assert coordinates(chart.series[0].points)[:, 0].tolist() == places


def test_values_and_intervals_stand_at_their_height():
    chart = interval_chart("Dice", {"a": [Measured(4, 0.55, 0.5, 0.9)]})
    assert [tick.text for tick in chart.y_ticks] == ["0.5", "0.6", "0.7", "0.8", "0.9"]
    [mark] = marks(chart, "a")
    assert (mark.low, mark.high) == (TALL, 0.0)
    assert mark.y == pytest.approx(TALL * (0.9 - 0.55) / 0.4, abs=0.06)
    assert chart.zero is None


def test_series_at_one_number_stand_beside_each_other_in_their_order():
    series = {name: [Measured(4, 0.5), Measured(5, 0.6)] for name in ("classic", "a", "b", "c", "d")}
    chart = interval_chart("Dice", series, curve="classic")
    first, second = ([marks(chart, name)[number].x for name in series] for number in (0, 1))
    assert first == sorted(set(first))
    assert max(first) < min(second)
    assert first[0] == chart.x_ticks[0].at
    assert max(second) <= WIDTH
    assert all(series.points == "" for series in chart.series[1:])


def test_many_series_share_out_the_room_between_two_numbers():
    series = {f"{name:02}": [Measured(x, 0.5) for x in (6, 12, 24, 48)] for name in range(13)}
    chart = interval_chart("Dice", series, curve="00")
    places = sorted(mark.x for part in chart.series for mark in part.marks)
    assert np.diff(places) == pytest.approx(np.full(51, (places[-1] - places[0]) / 51), abs=0.2)
    assert places[0] > 0
    assert WIDTH - 30 < places[-1] < WIDTH


def test_gains_show_where_zero_is():
    chart = interval_chart("gain", {"a": [Measured(4, 0.1)]}, zero=True)
    assert chart.zero == TALL
    below = interval_chart("gain", {"a": [Measured(4, -0.2), Measured(8, 0.2)]}, zero=True)
    assert below.zero == TALL / 2


def test_one_value_alone_has_an_axis_around_it():
    chart = interval_chart("Dice", {"a": [Measured(4, 0.5)]})
    assert 0 < marks(chart, "a")[0].y < TALL
    assert len(chart.x_ticks) == 1


def test_ticks_too_near_to_each_other_have_no_text():
    chart = interval_chart("Dice", {"a": [Measured(x, 0.5) for x in (4, 100, 101, 102, 1000)]})
    assert [tick.text for tick in chart.x_ticks] == ["4", "100", "", "", "1000"]


@pytest.mark.parametrize(
    "series",
    [{}, {"a": []}, {"a": [Measured(0, 0.5)]}, {"a": [Measured(4, float("nan"))]}, {"a": [Measured(4, 1, 0, np.inf)]}],
    ids=["none", "empty", "no labels", "no number", "infinite"],
)
def test_points_that_cannot_be_placed_are_refused(series):
    with pytest.raises(ValueError, match="expected some, over numbers > 0 and finite"):
        interval_chart("Dice", series)


def test_a_scatter_has_equal_axes_and_counts_sides():
    points = [Measured(0.0, 0.5, text="a"), Measured(1.0, 0.25, text="b"), Measured(0.5, 0.5, text="c")]
    chart = scatter_chart("Dice", points, bounds=(0.0, 1.0))
    assert [(mark.x, mark.y) for mark in chart.marks] == [(0, SIDE / 2), (SIDE, SIDE * 0.75), (SIDE / 2, SIDE / 2)]
    assert [(tick.at, tick.text) for tick in chart.ticks] == [(0, "0"), (SIDE / 2, "0.5"), (SIDE, "1")]
    assert chart.summary == "3 points: 1 above the diagonal, 1 below, 1 on it"


@pytest.mark.parametrize("points", [[], [Measured(0.5, 1.5)], [Measured(float("nan"), 0.5)]])
def test_pairs_outside_the_bounds_are_refused(points):
    with pytest.raises(ValueError, match=r"all within \(0.0, 1.0\)"):
        scatter_chart("Dice", points, bounds=(0.0, 1.0))


def test_a_point_that_stands_alone_stands_at_its_number():
    series = {"a": [Measured(4, 0.1), Measured(16, 0.2)], "b": [Measured(4, 0.3)], "c": [Measured(16, 0.3)]}
    chart = interval_chart("gain", {**series, "d": [Measured(64, 0.4)]})
    marks = {part.name: [mark.x for mark in part.marks] for part in chart.series}
    places = [tick.at for tick in chart.x_ticks]
    assert [*marks["a"], *marks["d"]] == places
    assert marks["b"][0] > places[0]
    assert marks["c"][0] - places[1] == pytest.approx(marks["b"][0] - places[0], abs=0.11)
