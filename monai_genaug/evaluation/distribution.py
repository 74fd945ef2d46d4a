"""Real against synthetic images as two samples of distributions, and two halves of the real images as the floor."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monai_genaug._rng import derive_seed
from monai_genaug.metrics.distribution import frechet_distance, kernel_distance, maximum_mean_discrepancy
from monai_genaug.metrics.manifold import density_coverage, nearest_neighbour_accuracy, precision_recall
from monai_genaug.metrics.resampling import subsample_interval
from monai_genaug.metrics.separability import real_synthetic_auc

Floats = NDArray[np.float64]
Rows = Callable[[Floats, Floats], float]  # of features with the number of the group as the last column
MEDIAN_ROWS = 2000  # of which the median distance is taken
ANY, SHARE = (-math.inf, math.inf), (0.0, 1.0)


class Comparison(NamedTuple):
    """One measure of real against synthetic images.

    Args:
        name: of the measure.
        better: where good values are: ``"lower"``, ``"higher"`` or ``"0.5"``.
        sizes: numbers of real and of synthetic images.
        value: of all images; None where the measure is left out.
        interval: 95 %, of `subsample_interval`, as far as the measure can reach.
        equal_size: images in each of the two sets that are drawn for `equal` and `floor`.
        equal: mean over draws of a part of the real images against as many synthetic ones.
        floor: mean over draws of a part of the real images against as many other real ones.
        floor_range: the lowest and the highest of these.
        reason: why something is left out.
    """

    name: str
    better: str
    sizes: tuple[int, int]
    value: float | None = None
    interval: tuple[float, float] | None = None
    equal_size: int = 0
    equal: float | None = None
    floor: float | None = None
    floor_range: tuple[float, float] | None = None
    reason: str = ""

    @property
    def exceeds_floor(self) -> bool:
        """Whether `equal` is worse than in any draw of real images alone."""
        if self.equal is None or self.floor_range is None:
            return False
        if self.better == "0.5":
            return abs(self.equal - 0.5) > max(abs(value - 0.5) for value in self.floor_range)
        return self.equal > self.floor_range[1] if self.better == "lower" else self.equal < self.floor_range[0]


class Draw(NamedTuple):
    """Numbers of equally many images: of two parts of the real ones that share no group, and of synthetic ones."""

    real: NDArray[np.intp]
    other_real: NDArray[np.intp]
    synthetic: NDArray[np.intp]


class _Measure(NamedTuple):
    """How a measure is called, how many images of each set it needs, and between what its values lie."""

    name: str
    better: str
    least: int
    range: tuple[float, float]
    compute: Rows


def compare_features(
    real: Floats,
    synthetic: Floats,
    *,
    groups: tuple[Sequence[int], Sequence[int]],
    draws: Sequence[Draw],
    repeats: int = 100,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Comparison]:
    """Compare the features of real and synthetic images by every measure for which there are enough.

    Args:
        real: (N, D), one row an image.
        synthetic: (M, D).
        groups: number of the group of each real and each synthetic image.
        draws: of `draw_parts`; none: no floor.
        repeats: subsamples of the interval, at least 40.
        seed: of the subsamples and of the folds of the classifier.
        progress: called after each measure as ``progress(done, total)``.

    Returns:
        A `Comparison` for each measure, those that are left out with the reason.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> real, synthetic = rng.normal(size=(12, 3)), rng.normal(size=(14, 3))
        >>> draws = draw_parts(list(range(12)), 14, count=2, seed=0)
        >>> found = compare_features(real, synthetic, groups=(range(12), range(12, 26)), draws=draws)
        >>> found[0].name, found[0].sizes, found[0].equal_size, found[-1].value is None
        ('KID', (12, 14), 6, False)
    """
    sets = tuple(np.column_stack(parts) for parts in zip((real, synthetic), groups, strict=True))
    measures = _measures(_median_distance(real), seed)
    found = []
    for number, measure in enumerate(measures, start=1):
        with warnings.catch_warnings():  # the table says so of all values at once
            warnings.filterwarnings("ignore", message="the Frechet distance of")
            found.append(_compare(measure, sets[0], sets[1], draws, repeats, seed))
        if progress is not None:
            progress(number, len(measures))
    return found


def draw_parts(groups: Sequence[int], synthetic: int, *, count: int, seed: int) -> list[Draw]:
    """Draw halves of the real images that share no group, and as many synthetic ones.

    Args:
        groups: number of each real image's group.
        synthetic: number of synthetic images.
        count: of draws.
        seed: of the draws.

    Returns:
        The draws, all of one size; none where not even one image is left for each part.

    Example:
        >>> draw = draw_parts([0, 0, 1, 2], 3, count=1, seed=0)[0]
        >>> [len(part) for part in draw]
        [1, 1, 1]
    """
    members = [np.flatnonzero(np.asarray(groups) == group) for group in dict.fromkeys(groups)]
    size = min((len(groups) - max(map(len, members)) + 1) // 2, synthetic)
    draws = []
    for number in range(count if size else 0):
        rng = np.random.default_rng(derive_seed(seed, "halves", number))
        halves: tuple[list[int], list[int]] = ([], [])
        for index in rng.permutation(len(members)):
            min(halves, key=len).extend(members[index].tolist())
        parts = [rng.permutation(half)[:size] for half in halves]
        draws.append(Draw(parts[0], parts[1], rng.permutation(synthetic)[:size]))
    return draws


def _measures(bandwidth: float, seed: int) -> list[_Measure]:
    """List the measures, that of small sets first; each drops or uses the last column, the groups."""

    def plain(measure: Callable[[Floats, Floats], float]) -> Rows:
        return lambda a, b: measure(a[:, :-1], b[:, :-1])

    def separability(a: Floats, b: Floats) -> float:
        groups = (a[:, -1].tolist(), b[:, -1].tolist())
        return real_synthetic_auc(a[:, :-1], b[:, :-1], groups=groups, seed=derive_seed(seed, "auc"))

    return [
        _Measure("KID", "lower", 2, ANY, plain(kernel_distance)),
        _Measure("FID", "lower", 2, (0.0, math.inf), plain(frechet_distance)),
        _Measure("MMD", "lower", 2, ANY, plain(lambda a, b: maximum_mean_discrepancy(a, b, bandwidth=bandwidth))),
        _Measure("precision", "higher", 4, SHARE, plain(lambda a, b: precision_recall(a, b).precision)),
        _Measure("recall", "higher", 4, SHARE, plain(lambda a, b: precision_recall(a, b).recall)),
        _Measure("density", "higher", 6, (0.0, math.inf), plain(lambda a, b: density_coverage(a, b).density)),
        _Measure("coverage", "higher", 6, SHARE, plain(lambda a, b: density_coverage(a, b).coverage)),
        _Measure("1-NN accuracy", "0.5", 2, SHARE, plain(nearest_neighbour_accuracy)),
        _Measure("real-synthetic AUC", "0.5", 10, SHARE, separability),
    ]


def _compare(
    measure: _Measure, real: Floats, synthetic: Floats, draws: Sequence[Draw], repeats: int, seed: int
) -> Comparison:
    """Give all that can be said by one measure."""
    sizes = len(real), len(synthetic)
    found = Comparison(measure.name, measure.better, sizes)
    if min(sizes) < measure.least:
        return found._replace(
            reason=f"there are {sizes[0]} real and {sizes[1]} synthetic images, {measure.least} of each are needed"
        )
    try:
        value = measure.compute(real, synthetic)
        found = found._replace(value=value)
        if min(sizes) // 2 >= measure.least:
            interval = subsample_interval(
                measure.compute, real, synthetic, repeats=repeats, seed=derive_seed(seed, measure.name)
            )
            found = found._replace(interval=_clip(interval.low, value, interval.high, measure.range))
        else:
            found = found._replace(reason=f"no interval: half of the images are fewer than {measure.least} of each")
        if draws and len(draws[0].real) >= measure.least:
            return _compare_parts(found, measure, real, synthetic, draws)
        few = f"no floor: half of the real images, or the synthetic ones, are fewer than {measure.least}"
        return found._replace(reason="; ".join(part for part in (found.reason, few) if part))
    except ValueError as error:  # groups that leave nothing for a fold, features that are all equal
        return found._replace(reason=str(error))


def _compare_parts(
    found: Comparison, measure: _Measure, real: Floats, synthetic: Floats, draws: Sequence[Draw]
) -> Comparison:
    """Add what parts of equal size give."""
    equal = [measure.compute(real[draw.real], synthetic[draw.synthetic]) for draw in draws]
    floor = [measure.compute(real[draw.real], real[draw.other_real]) for draw in draws]
    return found._replace(
        equal_size=len(draws[0].real),
        equal=math.fsum(equal) / len(equal),
        floor=math.fsum(floor) / len(floor),
        floor_range=(min(floor), max(floor)),
    )


def _clip(low: float, value: float, high: float, limits: tuple[float, float]) -> tuple[float, float]:
    """Keep an interval within what the measure can be, and the value within the interval."""
    return min(value, max(low, limits[0])), max(value, min(high, limits[1]))


def _median_distance(real: Floats) -> float:
    """Median distance of two real images, the bandwidth of every comparison."""
    from scipy.spatial.distance import pdist

    rows = real[:: math.ceil(len(real) / MEDIAN_ROWS)]
    return float(np.median(pdist(rows))) if len(rows) > 1 else 0.0
