"""How well single objects are found: counts of matched ones, and the aggregated Jaccard index."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from monai_genaug._checks import check_at_least, check_label
from monai_genaug._tensors import as_plain_tensor

IntMap = NDArray[np.int64]


class InstanceScores(NamedTuple):
    """Agreement of two instance maps.

    Args:
        f1: 2 matched / (true + predicted objects), in [0, 1].
        aggregated_jaccard: in [0, 1].
        true_count: objects in the label.
        predicted_count: objects in the prediction.
        matched: pairs of a true and a predicted object that overlap enough, each object in one pair at most.
    """

    f1: float
    aggregated_jaccard: float
    true_count: int
    predicted_count: int
    matched: int


class _Objects(NamedTuple):
    """Objects 1..n of a map; entry 0 of each is the background's, which may be empty.

    Args:
        numbers: (voxels,), 0..n.
        areas: (1 + n,), voxels.
        first: (1 + n,), where each begins in the map; unlike its value this does not change with the numbering.
    """

    numbers: NDArray[np.intp]
    areas: NDArray[np.intp]
    first: NDArray[np.intp]


class _Overlaps(NamedTuple):
    """Pairs of a true and a predicted object that share voxels, one entry each."""

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    intersection: NDArray[np.intp]
    union: NDArray[np.intp]
    iou: NDArray[np.float64]


def separate_objects(mask: ArrayLike | Tensor, *, watershed: bool = False, min_distance: int = 5) -> IntMap:
    """Number the objects of a mask: its connected components (diagonals included), cut where they touch if wished.

    Args:
        mask: (*S) or (1, *S), 2D or 3D, 0 or 1.
        watershed: whether to cut components into the basins around the local maxima of the distance to the background,
            a flat maximum being one; needs scikit-image.
        min_distance: how far apart the maxima are at least along one axis, voxels, >= 1.

    Returns:
        Instance map (*S) of 0 (background) and 1..n.

    Raises:
        ValueError: for another shape, other values, or if scikit-image is missing and wanted.

    Example:
        >>> separate_objects(np.array([[1, 0, 0, 1], [0, 1, 0, 1]]))
        array([[1, 0, 0, 2],
               [0, 1, 0, 2]])
    """
    from scipy import ndimage

    check_at_least(1, min_distance=min_distance)
    if watershed and find_spec("skimage") is None:
        raise ValueError("scikit-image is missing, which cuts touching objects: pip install 'monai_genaug[metrics]'.")
    values = _read_map(mask, "mask")
    if values.max(initial=0) > 1:
        raise ValueError(f"mask holds {values.max()}, expected 0 and 1: pass mask > 0.")
    inside = values > 0
    components, count = ndimage.label(inside, structure=np.ones((3,) * inside.ndim))
    if watershed and count and not inside.all():  # without background there is no distance to it
        return _cut(inside, components, min_distance)
    return components.astype(np.int64)


def score_instances(predicted: ArrayLike | Tensor, label: ArrayLike | Tensor, *, iou: float = 0.5) -> InstanceScores:
    """Score the objects of a prediction by F1 at a threshold of overlap, and by the aggregated Jaccard index (AJI).

    F1 counts the largest set of pairs in which each object is at most once, hence it is well defined also at thresholds
    under 0.5, where an object can overlap enough with several. The AJI is algorithm 1 of Kumar et al., "A dataset and a
    technique for generalized nuclear segmentation for computational pathology", IEEE TMI 2017: each true object takes
    the predicted one of greatest IoU, which others may take too, and predicted ones that none took add to the union. Of
    several of equal IoU it takes the one that begins first in the map, so that the numbering does not matter.

    Args:
        predicted: instance map (*S) or (1, *S), 2D or 3D, whole numbers >= 0 in any order, 0 = background.
        label: true instance map, likewise.
        iou: intersection over union from which objects match, in (0, 1].

    Returns:
        The scores; 1 where neither map has an object, 0 where one has none.

    Raises:
        ValueError: if a map's shape or values are wrong, the shapes differ, or the threshold is out of range.

    Example:
        >>> score_instances(np.array([[5, 5, 5, 0, 9]]), np.array([[1, 1, 0, 0, 0]]))
        InstanceScores(f1=0.6666666666666666, aggregated_jaccard=0.5, true_count=1, predicted_count=2, matched=1)
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou is {iou!r}, expected a threshold over 0 and up to 1, such as 0.5.")
    found, wanted = _read_map(predicted, "predicted"), _read_map(label, "label")
    if found.shape != wanted.shape:
        raise ValueError(f"the maps have the shapes {found.shape} and {wanted.shape}, expected equal ones.")
    theirs, true = _list_objects(found), _list_objects(wanted)
    counts = len(true.areas) - 1, len(theirs.areas) - 1
    if not all(counts):
        score = float(not any(counts))
        return InstanceScores(score, score, *counts, matched=0)
    overlaps = _list_overlaps(true, theirs)
    matched = _count_matches(overlaps, iou, counts)
    return InstanceScores(2 * matched / sum(counts), _aggregated_jaccard(overlaps, true, theirs), *counts, matched)


def _read_map(values: ArrayLike | Tensor, name: str) -> IntMap:
    """Check a map (*S) or (1, *S) of whole numbers, and give it as (*S)."""
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} is of type {array.dtype}, expected whole numbers >= 0 (0 = background).")
        values = torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
    shape = tuple(values.shape)
    spatial = shape[1:] if len(shape) > 2 and shape[0] == 1 else shape
    if len(spatial) not in (2, 3):
        raise ValueError(f"{name} has shape {shape}, expected (*S) or (1, *S) of 2 or 3 dimensions: pass one image.")
    return check_label(as_plain_tensor(values).detach().cpu(), name=name).numpy().reshape(spatial)


def _cut(inside: NDArray[np.bool_], components: NDArray[np.signedinteger], min_distance: int) -> IntMap:
    """Cut components between the highest places of the distance to the background."""
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.morphology import local_maxima
    from skimage.segmentation import watershed

    distance = ndimage.distance_transform_edt(inside)
    neighbours = np.ones((3,) * inside.ndim)
    # peaks alone would lie all along the middle of a straight bar, and cut it into pieces
    plateaus, _ = ndimage.label(local_maxima(distance), structure=neighbours)
    peaks = peak_local_max(distance, min_distance=min_distance, labels=components, exclude_border=False)
    chosen = np.setdiff1d(plateaus[tuple(peaks.T)], 0)
    markers, _ = ndimage.label(np.isin(plateaus, chosen), structure=neighbours)
    return watershed(-distance, markers, mask=inside, connectivity=inside.ndim).astype(np.int64)


def _list_objects(values: IntMap) -> _Objects:
    """Number the objects of a map, and measure them."""
    with_background = np.append(0, values)  # so that entry 0 is the background's
    _, first, numbers, areas = np.unique(with_background, return_index=True, return_inverse=True, return_counts=True)
    return _Objects(numbers[1:], areas, first)


def _list_overlaps(true: _Objects, predicted: _Objects) -> _Overlaps:
    """Measure the overlap of all pairs of objects that have one."""
    both = (true.numbers > 0) & (predicted.numbers > 0)
    width = len(predicted.areas)
    pairs, intersection = np.unique(true.numbers[both] * width + predicted.numbers[both], return_counts=True)
    row, column = np.divmod(pairs, width)
    union = true.areas[row] + predicted.areas[column] - intersection
    return _Overlaps(row, column, intersection, union, intersection / union)


def _count_matches(overlaps: _Overlaps, iou: float, counts: tuple[int, int]) -> int:
    """Count the pairs in the largest one-to-one matching of objects that overlap enough."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    enough = overlaps.iou >= iou
    edges = overlaps.true[enough] - 1, overlaps.predicted[enough] - 1
    graph = csr_matrix((np.ones(int(enough.sum()), dtype=np.int8), edges), shape=counts)
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())


def _aggregated_jaccard(overlaps: _Overlaps, true: _Objects, predicted: _Objects) -> float:
    """Compute algorithm 1 of Kumar et al. 2017."""
    order = np.lexsort((predicted.first[overlaps.predicted], -overlaps.iou, overlaps.true))
    found, best = np.unique(overlaps.true[order], return_index=True)  # the first entry of each true object
    taken = order[best]
    missed = np.delete(true.areas, [0, *found]).sum()
    unused = np.delete(predicted.areas, [0, *overlaps.predicted[taken]]).sum()
    return float(overlaps.intersection[taken].sum() / (overlaps.union[taken].sum() + missed + unused))
