"""What a map of nuclei shall hold: drawn of a population first, placed as far as there is room then."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from monai_genaug.masks.placement import TRIES, Canvas
from monai_genaug.masks.procedural.populations import Population
from monai_genaug.masks.procedural.star_convex import Floats, PlaneWaves, StarConvex
from monai_genaug.masks.sampler import Labels

CLUMP = 0.4  # nuclei that touch lie in clumps of two and, on average, this many more
GATHERING = 24.0  # radii: the length of the waves by which nuclei are denser here than there
STRENGTH = 7.0  # of the waves for each unit of clustering: so maps of 256x256 with 35 nuclei measure what was asked for
SPOTS = 1024  # points that are weighed to find where nuclei gather
LEVELS = 5  # of strength, for one nucleus after failing at the stronger ones
SMALLEST = 0.25  # of the sizes are the small ones
SMALLEST_RADIUS = 0.15  # of the mean radius
MOST_ECCENTRIC = 0.95


class Plan(NamedTuple):
    """What a map shall hold, before it is known what finds room.

    Args:
        groups: nuclei that touch one another, and single ones, in the order in which they are placed.
        waves: where they gather, in voxels; None: nowhere.
        strength: how much: places are as likely as exp(strength * waves).
        seed: of the places.
    """

    groups: list[list[StarConvex]]
    waves: PlaneWaves | None
    strength: float
    seed: int


def vary_population(population: Population, dims: int, jitter: float, rng: np.random.RandomState) -> Population:
    """Draw a population a little beside a given one; shares of 0 and 1 stay so.

    Args:
        population: the given one.
        dims: 2 or 3.
        jitter: relative standard deviation of the numbers; that of the radius is half of it.
        rng: for all that is drawn.

    Returns:
        The new one.

    Example:
        >>> vary_population(Population(), 2, 0.0, np.random.RandomState(0)) == Population()
        True
    """
    number, size, form, rim, contact = jitter * rng.normal(size=5)
    room = population.eccentricity * (1 - population.eccentricity), population.touching * (1 - population.touching)
    return replace(
        population,
        coverage=min(1.0, population.coverage * math.exp(number + 0.5 * size * dims)),  # the count follows the number
        radius=population.radius * math.exp(0.5 * size),
        eccentricity=min(max(population.eccentricity + 0.5 * form * room[0], 0.0), MOST_ECCENTRIC),
        roughness=min(population.roughness * math.exp(rim), 1.0),
        touching=min(max(population.touching + contact * room[1], 0.0), 1.0),
    )


def draw_plan(population: Population, size: tuple[int, ...], small: float, rng: np.random.RandomState) -> Plan:
    """Draw what a map shall hold.

    Args:
        population: that it follows.
        size: of the map, in voxels.
        small: share of the nuclei that are drawn from the smallest quarter of the sizes.
        rng: for all that is drawn.

    Returns:
        The plan.
    """
    bodies = _draw_bodies(population, math.floor(population.mean_count(size) + rng.uniform()), len(size), small, rng)
    groups = _group(bodies, population.touching, rng)
    waves = PlaneWaves(rng, len(size), GATHERING * population.radius, count=8) if population.clustering else None
    return Plan(groups, waves, STRENGTH * population.clustering, int(rng.randint(2**32, dtype=np.uint32)))


def place_plan(plan: Plan, size: tuple[int, ...]) -> Labels:
    """Place what a plan holds, as far as there is room.

    Args:
        plan: what the map shall hold.
        size: of the map, in voxels.

    Returns:
        Instance map (*S), int64, numbered from 1 without gaps.
    """
    canvas, rng = Canvas(np.zeros(size, dtype=np.int64)), np.random.RandomState(plan.seed)
    places = iter(_draw_places(plan, size, rng))
    for group in plan.groups:
        partners: list[int] = []
        for body in group:
            mask, index = body.mask(), len(canvas.objects)
            margin = 0.5 * np.minimum(mask.shape, size)  # the border cuts some
            centers = next(places) * (size + 2 * margin) - margin
            touch, draw_centers = bool(partners), partial(_first, centers)
            if canvas.place(mask, index + 1, rng, touch=touch, partners=partners, draw_centers=draw_centers):
                partners.append(index)
    return canvas.finish()


def _first(centers: Floats, count: int) -> Floats:
    return centers[:count]


def _draw_bodies(
    population: Population, count: int, dims: int, small: float, rng: np.random.RandomState
) -> list[StarConvex]:
    from scipy.special import ndtri

    rank = rng.uniform(size=count)
    rank = np.where(rng.uniform(size=count) < small, SMALLEST * rank, rank)
    radii = population.radius * np.maximum(1 + population.radius_spread * ndtri(rank), SMALLEST_RADIUS)
    eccentricities = draw_eccentricities(population.eccentricity, population.eccentricity_spread, count, rng)
    return [
        StarConvex(rng, dims, radius, eccentricity=eccentricity, roughness=population.roughness)
        for radius, eccentricity in zip(radii.tolist(), eccentricities.tolist(), strict=True)
    ]


def draw_eccentricities(mean: float, spread: float, count: int, rng: np.random.RandomState) -> Floats:
    """Draw eccentricities of given mean and standard deviation, as far as there are such, by a beta distribution.

    Args:
        mean: in [0, 1).
        spread: standard deviation.
        count: how many.
        rng: for the draw.

    Returns:
        (count,) numbers from 0 to 0.95.

    Example:
        >>> draw_eccentricities(0.5, 0.0, 2, np.random.RandomState(0))
        array([0.5, 0.5])
    """
    room = mean * (1 - mean)
    if spread == 0.0 or room == 0.0:
        return np.full(count, mean)
    total = max(room / spread**2 - 1, 0.2)
    return np.minimum(rng.beta(mean * total, (1 - mean) * total, count), MOST_ECCENTRIC)


def _group(bodies: list[StarConvex], touching: float, rng: np.random.RandomState) -> list[list[StarConvex]]:
    """Divide bodies into clumps that touch and single ones: clumps first, the largest bodies first."""
    count = len(bodies)
    wanted = math.floor(touching * count + rng.uniform())
    if wanted == 1:  # one cannot touch alone
        wanted = 2 * int(rng.uniform() < 0.5)
    left = min(wanted, count) if count > 1 else 0
    groups, first = [], 0
    while first < count:
        number = 1
        if left:
            number = min(1 + int(rng.geometric(1 / (1 + CLUMP))), left)
            number += left - number == 1
            left -= number
        groups.append(sorted(bodies[first : first + number], key=lambda body: -body.radius))
        first += number
    return sorted(groups, key=lambda group: (len(group) == 1, -group[0].radius))


def _draw_places(plan: Plan, size: tuple[int, ...], rng: np.random.RandomState) -> Floats:
    """Draw places to try for each body, (N, tries, D) in units of the map, more of them where nuclei gather."""
    count, dims = sum(len(group) for group in plan.groups), len(size)
    if plan.waves is None:
        return rng.uniform(size=(count, TRIES, dims))
    spots = rng.uniform(size=(SPOTS, dims))
    field = plan.waves((spots * size).T)
    chosen = []
    for tries in np.array_split(np.arange(TRIES), LEVELS):  # less and less, since dense places fill up
        chances = np.cumsum(np.exp(plan.strength * (1 - tries[0] / TRIES) * field))
        draws = rng.uniform(0.0, chances[-1], (count, len(tries)))
        chosen.append(np.searchsorted(chances, draws, side="right"))
    gap = SPOTS ** (-1 / dims)
    near = rng.uniform(-gap, gap, (count, TRIES, dims))
    return spots[np.minimum(np.concatenate(chosen, axis=1), SPOTS - 1)] + near
