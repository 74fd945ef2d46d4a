"""Line charts."""

from __future__ import annotations

import numpy as np
import pytest

from monai_genaug.benchmark.charts import HEIGHT, WIDTH, line_chart


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
