"""Tests of populations: what is measured is what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from monai_genaug.masks.procedural import ProceduralNuclei
from monai_genaug.masks.procedural.populations import Population, fit_populations

KNOWN = {
    "coverage": 0.12,
    "radius": 7.0,
    "radius_spread": 0.15,
    "eccentricity": 0.65,
    "eccentricity_spread": 0.12,
    "roughness": 0.06,
    "touching": 0.4,
}


def drawn(count: int, size: tuple[int, ...] = (256, 256), **numbers: float) -> list[np.ndarray]:
    sampler = ProceduralNuclei(**{**KNOWN, **numbers}, jitter=0.0).set_random_state(seed=0)
    return [sampler(np.zeros((1, *size), np.int32)) for _ in range(count)]


def mean(populations: list[Population], name: str) -> float:
    return float(np.mean([getattr(population, name) for population in populations]))


def test_numbers_of_a_known_population_are_found_again():
    populations, dims = fit_populations(drawn(8))
    assert dims == 2
    for name, value in KNOWN.items():
        assert mean(populations, name) == pytest.approx(value, rel=0.12), name


def test_numbers_of_a_known_population_of_volumes_are_found_again():
    populations, dims = fit_populations(drawn(3, (56, 56, 56), radius=5.0))
    assert dims == 3
    for name, value in {**KNOWN, "radius": 5.0}.items():
        assert mean(populations, name) == pytest.approx(value, rel=0.25), name


@pytest.mark.parametrize("clustering", [0.0, 0.2, 0.4])
def test_clustering_is_found_again(clustering):
    populations, _ = fit_populations(drawn(10, clustering=clustering, coverage=0.08))
    assert mean(populations, "clustering") == pytest.approx(clustering, abs=0.1)


def test_each_label_has_a_population_of_its_own():
    few, many = drawn(1, coverage=0.05, radius=12.0), drawn(1, coverage=0.2, radius=5.0)
    first, second = fit_populations(few + many)[0]
    assert first.radius == pytest.approx(12.0, rel=0.1)
    assert second.radius == pytest.approx(5.0, rel=0.1)
    assert second.coverage > 2 * first.coverage


def test_the_mean_count_holds_for_maps_of_another_size():
    [population], _ = fit_populations(drawn(1, (400, 400)))
    counts = [label.max() for label in drawn(10, (100, 100))]
    assert population.mean_count((100, 100)) == pytest.approx(np.mean(counts), rel=0.1)


def test_maps_without_objects_are_populations_without_nuclei():
    empty = np.zeros((1, 64, 64), np.int32)
    populations, _ = fit_populations([*drawn(1, (64, 64)), empty])
    assert [population.coverage > 0 for population in populations] == [True, False]


def test_spreads_of_few_objects_lean_on_those_of_all_maps():
    one = np.zeros((1, 256, 256), np.int32)
    one[0, 100:112, 100:112] = 1
    populations, _ = fit_populations([*drawn(4), one])
    assert populations[-1].radius_spread == pytest.approx(mean(populations[:-1], "radius_spread"), rel=0.2)


def test_cut_objects_count_but_give_no_sizes():
    label = np.zeros((1, 40, 40), np.int32)
    label[0, :2, 3:5], label[0, 10:22, 10:22] = 1, 2
    [population], _ = fit_populations([label])
    assert population.radius == pytest.approx(12 / np.sqrt(np.pi))
    assert population.mean_count((40, 40)) == pytest.approx(2.0)


def test_labels_without_any_object_are_refused():
    with pytest.raises(ValueError, match="none of the 2 labels holds an object"):
        fit_populations([np.zeros((1, 8, 8), np.int32)] * 2)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"coverage": 1.1}, "coverage is 1.1, expected a number from 0 to 1"),
        ({"touching": -0.1}, "touching is -0.1"),
        ({"roughness": float("nan")}, "roughness is nan"),
        ({"eccentricity": 1.0}, "eccentricity is 1.0, expected a number from 0 to below 1"),
        ({"clustering": 1.0}, "clustering is 1.0"),
        ({"radius": 0.0}, "radius is 0.0, expected voxels above 0"),
        ({"radius_spread": -1.0}, "radius_spread is -1.0, expected a finite number"),
        ({"eccentricity_spread": float("inf")}, "eccentricity_spread is inf"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        Population(**numbers)
