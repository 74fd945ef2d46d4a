"""How well a classifier tells real from synthetic images, and what a classifier of the classes says of them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_genaug._checks import check_at_least
from monai_genaug._rng import derive_seed
from monai_genaug.metrics.features import check_feature_sets

Floats = NDArray[np.float64]


def real_synthetic_auc(
    real: ArrayLike,
    synthetic: ArrayLike,
    *,
    groups: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> float:
    """Tell how well a linear classifier separates real from synthetic images that it was not trained on.

    The classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv:1610.06545) with Fisher's linear discriminant on
    standardised features, its covariance shrunk after Ledoit and Wolf 2004, so that it works with fewer images than
    features too. The result is the share of pairs of a real and a synthetic image of one test fold that the classifier
    orders rightly, which is the area under the receiver operating characteristic.

    Args:
        real: (N, D), one row an image.
        synthetic: (M, D).
        groups: of real and of synthetic images, one name a row, such as the patient, or the real image whose mask a
            synthetic one got; a group is never divided between training and test. None: each image is its own.
        folds: of the cross-validation, at least 2.
        seed: of the division into folds.

    Returns:
        In [0, 1]: about 0.5 where the classifier cannot tell them apart, 1 where it always can. It sees linear
        differences only.

    Raises:
        ValueError: if shapes do not fit, values are not finite, or images or groups are too few for the folds.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> real_synthetic_auc(rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 9)
        1.0
    """
    check_at_least(2, folds=folds)
    a, b = check_feature_sets(real, synthetic)
    values, is_real = np.concatenate([a, b]), np.arange(len(a) + len(b)) < len(a)
    fold_of = _divide(is_real, _group_numbers(groups, len(a), len(b)), folds, seed)
    right, pairs = 0.0, 0
    for fold in range(folds):
        test = fold_of == fold
        trained_real, trained_synthetic = values[~test & is_real], values[~test & ~is_real]
        if min(len(trained_real), len(trained_synthetic)) < 2:
            raise ValueError(
                f"{folds} folds leave {len(trained_real)} real and {len(trained_synthetic)} synthetic images to train "
                "on, expected at least 2 each: pass more images or smaller groups."
            )
        count = int((test & is_real).sum()) * int((test & ~is_real).sum())
        if count:
            score = (values[test] - trained_real.mean(axis=0)) @ _discriminant(trained_real, trained_synthetic)
            right += count * _auc(score[is_real[test]], score[~is_real[test]])
            pairs += count
    return right / pairs  # one fold at least holds both kinds: empty ones are filled from the first on


def inception_score(probabilities: ArrayLike) -> float:
    """Inception score of a classifier's probabilities (Salimans et al. 2016, arXiv:1606.03498, section 4).

    ``exp(mean KL(p(y|x) || p(y)))`` over all images at once: high where each image is surely of one class and all
    classes occur alike. Real images take no part, and it means little for a classifier that was trained on other kinds
    of images (Barratt and Sharma 2018, arXiv:1801.01973).

    Args:
        probabilities: (N, K), one row a synthetic image, each summing to 1.

    Returns:
        From 1, where all rows are equal, to K.

    Raises:
        ValueError: if rows are no probabilities.

    Example:
        >>> round(inception_score([[1, 0], [0, 1]]), 6)
        2.0
    """
    rows = _check_probabilities("probabilities", probabilities)
    return math.exp(_divergence(rows, rows.mean(axis=0)))


def mode_score(synthetic_probabilities: ArrayLike, real_probabilities: ArrayLike) -> float:
    """Mode score of a classifier's probabilities (Che et al. 2017, arXiv:1612.02136, in the form of Xu et al. 2018).

    ``exp(mean KL(p(y|x) || p(y)) - KL(p(y) || p(y*)))``, p(y) over synthetic and p(y*) over real images (Xu et al.,
    arXiv:1806.07755): the inception score over a penalty for classes that are as frequent as in no real set.
    With p(y*) in the first divergence too, the real images would cancel out and leave the inception score.

    Args:
        synthetic_probabilities: (M, K), one row a synthetic image, each summing to 1.
        real_probabilities: (N, K), one row a real image.

    Returns:
        From 0, where a class occurs that no real image has, to K; the inception score where classes occur alike.

    Raises:
        ValueError: if rows are no probabilities, or the numbers of classes differ.

    Example:
        >>> round(mode_score([[1, 0], [0, 1]], [[1, 0], [1, 0], [1, 0], [0, 1]]), 4)  # 2 / exp(0.1438)
        1.7321
    """
    rows = _check_probabilities("synthetic_probabilities", synthetic_probabilities)
    wanted = _check_probabilities("real_probabilities", real_probabilities)
    if rows.shape[1] != wanted.shape[1]:
        raise ValueError(
            f"synthetic images have probabilities of {rows.shape[1]} classes, real ones of {wanted.shape[1]}: use one "
            "classifier."
        )
    marginal = rows.mean(axis=0)
    return math.exp(_divergence(rows, marginal) - _divergence(marginal[None], wanted.mean(axis=0)))


def _group_numbers(
    groups: tuple[Sequence[Hashable], Sequence[Hashable]] | None, real: int, synthetic: int
) -> NDArray[np.intp]:
    """Number the groups of all rows, real ones first, in the order in which they first occur."""
    if groups is None:
        return np.arange(real + synthetic)
    if len(groups) != 2 or (len(groups[0]), len(groups[1])) != (real, synthetic):
        raise ValueError(
            f"groups have lengths {tuple(map(len, groups))}, expected {(real, synthetic)}: one name for each image."
        )
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for part in groups for name in part])


def _divide(is_real: NDArray[np.bool_], group_of: NDArray[np.intp], folds: int, seed: int) -> NDArray[np.intp]:
    """Put each group into one fold, the largest first, so that both kinds are spread evenly: (N + M,)."""
    count = int(group_of.max()) + 1
    if count < folds:
        raise ValueError(f"there are {count} groups of images, expected at least folds={folds}: use fewer folds.")
    sizes = np.stack([np.bincount(group_of, weights=kind, minlength=count) for kind in (is_real, ~is_real)], axis=1)
    order = np.random.default_rng(derive_seed(seed, "folds")).permutation(count)
    order = order[np.argsort(-sizes[order].sum(axis=1), kind="stable")]
    filled = np.zeros((folds, 2))
    fold_of = np.empty(count, dtype=np.intp)
    for group in order:  # the fold where the squared shares grow least
        fold_of[group] = np.argmin(filled @ (sizes[group] / sizes.sum(axis=0) ** 2))
        filled[fold_of[group]] += sizes[group]
    return fold_of[group_of]


def _discriminant(real: Floats, synthetic: Floats) -> Floats:
    """Fisher's linear discriminant, large for real images: (D,), with shrinkage (Ledoit and Wolf 2004)."""
    scale = np.concatenate([real, synthetic]).std(axis=0)
    scale[scale == 0] = 1.0
    means = [part.mean(axis=0) for part in (real, synthetic)]
    centred = np.concatenate([real - means[0], synthetic - means[1]]) / scale
    count, features = centred.shape
    covariance = centred.T @ centred / count
    size = np.trace(covariance) / features
    dispersion = np.square(covariance).sum() - features * size**2
    noise = (np.square(np.square(centred).sum(axis=1)).sum() / count - np.square(covariance).sum()) / count
    shrinkage = min(1.0, max(1e-6, noise / dispersion)) if dispersion > 0 else 1.0  # above 0: never singular
    target = size if size > 0 else 1.0
    regular = (1.0 - shrinkage) * covariance + shrinkage * target * np.eye(features)
    return np.asarray(np.linalg.solve(regular, (means[0] - means[1]) / scale) / scale)


def _auc(high: Floats, low: Floats) -> float:
    """Share of pairs whose first score is higher, ties half: the Mann-Whitney statistic by ranks."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([high, low]))[: len(high)]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(high) * len(low)))


def _check_probabilities(name: str, rows: ArrayLike) -> Floats:
    """Return probabilities (N, K) as float64; raise where rows are none."""
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or not len(values) or values.shape[1] < 2:
        raise ValueError(f"{name} have shape {values.shape}, expected (N, K) of at least 1 image and 2 classes.")
    wrong = ~((values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1.0) < 1e-3))  # true for NaN too
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"row {row} of {name} is {values[row].tolist()}, expected numbers >= 0 that sum to 1: give outputs after "
            "softmax."
        )
    return values / values.sum(axis=1, keepdims=True)


def _divergence(rows: Floats, reference: Floats) -> float:
    """Mean Kullback-Leibler divergence of rows (N, K) from a distribution (K,), infinite where that has no mass."""
    from scipy.special import rel_entr

    return float(rel_entr(rows, reference).sum(axis=1).mean())
