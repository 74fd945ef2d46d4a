"""Tests of what a map of nuclei shall hold, before and after it finds room."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from monai_genaug.masks.procedural.nuclei_plan import draw_eccentricities, draw_plan, place_plan, vary_population
from monai_genaug.masks.procedural.populations import Population

SIZE = (200, 200)


def plan_of(population: Population, small: float = 0.0, seed: int = 0):
    return draw_plan(population, SIZE, small, np.random.RandomState(seed))


def radii(population: Population, small: float) -> np.ndarray:
    plans = [plan_of(population, small, seed) for seed in range(10)]
    return np.array([body.radius for plan in plans for group in plan.groups for body in group])


def test_varied_populations_lie_around_the_given_one():
    given = Population(coverage=0.1, radius=8.0, touching=0.3)
    rng = np.random.RandomState(0)
    varied = [vary_population(given, 2, 0.2, rng) for _ in range(400)]
    counts = np.array([population.mean_count(SIZE) for population in varied]) / given.mean_count(SIZE)
    assert np.log(counts).std() == pytest.approx(0.2, rel=0.15)
    assert np.log([population.radius for population in varied]).std() == pytest.approx(0.1, rel=0.15)
    assert np.mean([population.touching for population in varied]) == pytest.approx(0.3, abs=0.01)
    assert len({population.eccentricity for population in varied}) == 400


def test_shares_of_zero_and_one_do_not_vary():
    rng = np.random.RandomState(0)
    for touching in (0.0, 1.0):
        given = Population(coverage=0.0, eccentricity=0.0, touching=touching)
        varied = vary_population(given, 2, 0.5, rng)
        assert (varied.coverage, varied.eccentricity, varied.touching) == (0.0, 0.0, touching)


@pytest.mark.parametrize("touching", [0.0, 0.25, 0.5, 1.0])
def test_clumps_hold_the_share_that_touches(touching):
    plan = plan_of(Population(coverage=0.2, radius=6.0, touching=touching))
    sizes = [len(group) for group in plan.groups]
    assert sum(size for size in sizes if size > 1) == pytest.approx(touching * sum(sizes), abs=1)
    assert sizes == sorted(sizes, key=lambda size: size == 1)


def test_one_nucleus_alone_touches_nothing():
    population = Population(coverage=0.02, radius=20.0, radius_spread=0.0, touching=1.0)
    for seed in range(20):
        sizes = [len(group) for group in plan_of(population, seed=seed).groups]
        assert 1 not in sizes or sizes == [1]


def test_small_ones_are_of_the_smallest_quarter():
    population = Population(coverage=0.2, radius=6.0, radius_spread=0.2)
    assert radii(population, 1.0).max() <= np.quantile(radii(population, 0.0), 0.27)
    share = (radii(population, 0.5) < 6.0 * (1 - 0.2 * 0.6745)).mean()  # the normal distribution's lower quartile
    assert share == pytest.approx(0.5 + 0.5 * 0.25, abs=0.04)


def test_a_place_that_is_full_is_left_out_and_said_so(caplog):
    plan = plan_of(Population(coverage=1.0, radius=6.0, touching=0.0))
    with caplog.at_level(logging.DEBUG, "monai_genaug"):
        placed = place_plan(plan, SIZE)
    assert 50 < placed.max() < sum(len(group) for group in plan.groups)
    assert "found no place" in caplog.text


def test_gathering_keeps_the_number_of_nuclei():
    population = Population(coverage=0.1, radius=7.0)
    even, gathered = (
        np.mean([place_plan(plan_of(replace(population, clustering=c), seed=s), SIZE).max() for s in range(6)])
        for c in (0.0, 0.9)
    )
    assert gathered == pytest.approx(even, rel=0.05)


def test_a_plan_gives_the_same_map_again():
    plan = plan_of(Population())
    np.testing.assert_array_equal(place_plan(plan, SIZE), place_plan(plan, SIZE))


@pytest.mark.parametrize(("mean", "spread"), [(0.6, 0.15), (0.2, 0.05), (0.5, 0.0), (0.0, 0.3)])
def test_eccentricities_have_their_mean_and_spread(mean, spread):
    values = draw_eccentricities(mean, spread, 4000, np.random.RandomState(0))
    assert values.mean() == pytest.approx(mean, abs=0.01)
    assert values.std() == pytest.approx(spread if mean else 0.0, abs=0.01)


def test_spreads_beyond_what_is_possible_stay_in_range():
    values = draw_eccentricities(0.5, 5.0, 1000, np.random.RandomState(0))
    assert values.min() >= 0.0
    assert values.max() <= 0.95
