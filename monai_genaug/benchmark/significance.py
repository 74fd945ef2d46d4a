"""Whether arms differ at all: rank tests over test groups, with a correction for their number."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike


def wilcoxon_p(differences: ArrayLike, groups: Sequence[Hashable] | None = None) -> float:
    """Test whether the paired differences of two arms lie around 0, over test groups averaged over seeds.

    Wilcoxon's signed-rank test, two-sided; groups without difference count half to each side. It tells of
    these networks on other test images, not of other trainings, for which see `paired_interval`.

    Args:
        differences: (R, N), score of the second arm minus that of the first, for R seeds and N test images.
        groups: N names; images of one group are averaged. By default each image is a group.

    Returns:
        The p value; 1 if no group differs.

    Raises:
        ValueError: for another shape, NaN, or fewer than two groups.

    Example:
        >>> wilcoxon_p([[0.1, 0.2, 0.3, 0.4, 0.5]])
        0.0625
    """
    from scipy import stats

    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(
            f"differences have the shape {values.shape}, expected finite scores (seeds, images): check both arms."
        )
    names: list[Hashable] = list(range(values.shape[1]) if groups is None else groups)
    if len(names) != values.shape[1]:
        raise ValueError(f"got {len(names)} groups for {values.shape[1]} images: give one group an image.")
    members: dict[Hashable, list[int]] = {}
    for column, name in enumerate(names):
        members.setdefault(name, []).append(column)
    if len(members) < 2:
        raise ValueError(f"there is {len(members)} test group, expected at least 2: add test images of other groups.")
    means = np.array([values[:, columns].mean() for columns in members.values()])
    if not means.any():
        return 1.0
    return float(stats.wilcoxon(means, zero_method="zsplit").pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Correct p values of several tests, so that one false finding in all is as rare as each claims to be.

    Holm 1979, "A simple sequentially rejective multiple test procedure".

    Args:
        p_values: by the name of what was tested.

    Returns:
        Corrected ones, in the same order.

    Raises:
        ValueError: for what is no probability.

    Example:
        >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    wrong = {name: p for name, p in p_values.items() if not 0.0 <= p <= 1.0}
    if wrong:
        raise ValueError(f"p values {wrong} lie outside 0 to 1: give those of tests.")
    corrected: dict[str, float] = {}
    highest = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = highest
    return {name: corrected[name] for name in p_values}
