"""New lesions out of numbers alone: irregular star-convex bodies, where lesions may lie, of the values of classes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from monai_genaug._checks import check_probability
from monai_genaug.masks.placement import TRIES, Canvas
from monai_genaug.masks.procedural.file import damage, read_populations, write_populations
from monai_genaug.masks.procedural.lesion_classes import LesionClass, check_shares, fit_lesions
from monai_genaug.masks.procedural.lesion_plan import Lesion, draw_lesions, find_fits
from monai_genaug.masks.sampler import Labels, MaskSampler
from monai_genaug.masks.statistics import as_plane

KIND = "lesions"  # in files


class ProceduralLesions(MaskSampler):
    """Make new class maps with lesions that were never drawn by hand, out of a few numbers.

    Each map holds the lesions of no, one or several classes; each class has its own sizes, forms and places. Lesions
    are star-convex bodies, smooth or spiculated, which never overlap or touch; they lie within the map and within
    `where` if there is room, and at least half of each does. Those that find no room after 40 tries are left out. All
    is in voxels: resample anisotropic volumes first.

    Args:
        value: of the voxels of lesions.
        none: share of the maps without a lesion, from 0 to 1.
        where: values of the label in which lesions may lie, such as those of an organ; its old lesions become the first
            of them, and everything else in it stays. None: lesions may lie anywhere, and nothing of the label stays.
        numbers: of the lesions, see `LesionClass`.

    Raises:
        ValueError: for a number out of its range.

    Example:
        >>> sampler = ProceduralLesions(radius=10.0, roughness=0.1).set_random_state(seed=0)
        >>> new = sampler(np.zeros((1, 96, 96), np.uint8))
        >>> new.shape, new.dtype, np.unique(new).tolist()
        ((1, 96, 96), dtype('uint8'), [0, 1])
    """

    def __init__(
        self, *, value: int = 1, none: float = 0.0, where: int | Sequence[int] | None = None, **numbers: Any
    ) -> None:
        lesions = LesionClass(value=value, **numbers)
        self.classes: dict[int, LesionClass] = {value: lesions}
        self.shares = check_shares({(): check_probability("none", none), (value,): 1.0 - none}, self.classes)
        self.where = _check_where(where, self.classes)
        self.spatial_dims: int | None = None
        self._plan: list[Lesion] = []
        self._seed = 0

    @classmethod
    def from_classes(
        cls,
        classes: Iterable[LesionClass],
        *,
        shares: Mapping[Sequence[int], float] | None = None,
        none: float | None = None,
        where: int | Sequence[int] | None = None,
        spatial_dims: int | None = None,
    ) -> Self:
        """Make a sampler of several classes of lesions.

        Args:
            classes: at least one, of different values.
            shares: how often maps hold which classes, such as ``{(): 1, (1,): 2, (1, 2): 1}``, where () is a map
                without lesions; by default each class alone, all equally often.
            none: share of the maps without a lesion; by default what `shares` say.
            where: as of the class.
            spatial_dims: 2 or 3, of the labels that it takes; by default both.

        Returns:
            The sampler.

        Raises:
            ValueError: for two classes of one value, or shares or `where` that do not fit the classes.
        """
        by_value: dict[int, LesionClass] = {}
        for lesions in classes:
            if lesions.value in by_value:
                raise ValueError(f"two classes have the value {lesions.value}, expected different ones: join them.")
            by_value[lesions.value] = lesions
        if not by_value:
            raise ValueError("classes is empty, expected at least one: fit the sampler to labels.")
        found = check_shares({(value,): 1.0 for value in by_value} if shares is None else shares, by_value)
        if none is not None:
            some = check_shares({values: share for values, share in found.items() if values}, by_value)
            found = {values: share * (1.0 - check_probability("none", none)) for values, share in some.items()}
            found[()] = float(none)
        sampler = cls()
        sampler.classes, sampler.shares = by_value, found
        sampler.where = _check_where(where, by_value)
        sampler.spatial_dims = spatial_dims
        return sampler

    @classmethod
    def fit(cls, labels: Iterable[NDArray[Any] | Tensor], **settings: Any) -> Self:
        """Measure the lesions of training labels; what lies in `where` is no lesion.

        Args:
            labels: (1, *S) each, 0 = background, other values are classes; all 2D or all 3D, of any sizes.
            settings: shares, none and where, see `from_classes`.

        Returns:
            The sampler.

        Raises:
            ValueError: if no label holds a lesion, or one is no label map.

        Example:
            >>> label = ProceduralLesions(value=3).set_random_state(seed=0)(np.zeros((1, 64, 64), np.uint8))
            >>> list(ProceduralLesions.fit([label, np.zeros_like(label)]).shares)
            [(3,), ()]
        """
        where = settings.get("where")
        classes, shares, dims = fit_lesions(labels, ignore=() if where is None else np.atleast_1d(where).tolist())
        return cls.from_classes(classes, **{"shares": shares, "spatial_dims": dims, **settings})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the sampler as one JSON file, which `load_lesions` reads; aside first, then renamed.

        Args:
            path: such as ``lesions.json``; folders are made.
        """
        shares = [[list(values), share] for values, share in self.shares.items()]
        settings = {"spatial_dims": self.spatial_dims, "where": self.where, "shares": shares}
        write_populations(path, KIND, list(self.classes.values()), settings)

    def randomize(self, data: Sequence[int]) -> None:
        """Draw the lesions of one map.

        Args:
            data: spatial size of the label map.
        """
        size = tuple(data)
        if self.spatial_dims not in {None, len(size)}:
            raise ValueError(
                f"label has {len(size)} spatial dimensions, the sampler was fitted to {self.spatial_dims}: fit one to "
                "such labels."
            )
        chances = np.cumsum(list(self.shares.values()))
        chosen = list(self.shares)[int(np.searchsorted(chances, self.R.uniform(0.0, chances[-1]), side="right"))]
        lesions = [lesion for value in chosen for lesion in draw_lesions(self.classes[value], size, self.R)]
        self._plan = sorted(lesions, key=lambda lesion: -lesion.body.radius)
        self._seed = int(self.R.randint(2**32, dtype=np.uint32))

    def sample(self, values: Labels) -> Labels:
        """Make a new map of a checked one (*S)."""
        plane = as_plane(values)
        self.randomize(plane.shape)
        base, region = self._healed(plane)
        inner = None if self.where is None else np.argwhere(region).astype(np.float64)  # (V, D)
        canvas, rng = Canvas(np.zeros_like(plane)), np.random.RandomState(self._seed)
        for lesion in self._plan:
            centers = lesion.centers
            if inner is not None:
                centers = inner[rng.randint(len(inner), size=TRIES)] if len(inner) else inner
            fits = find_fits(lesion.body, centers, region)
            if not any(canvas.put(mask, lesion.value, corner) for mask, corner in fits):
                canvas.given_up += 1
        placed = canvas.finish()
        return np.where(placed > 0, placed, base).reshape(values.shape)

    def _healed(self, values: Labels) -> tuple[Labels, NDArray[np.bool_]]:
        """Give what a map holds without its lesions, and where lesions may lie, both (*S)."""
        if self.where is None:
            return np.zeros_like(values), np.ones(values.shape, dtype=bool)
        base = np.where(np.isin(values, list(self.classes)), self.where[0], values)
        return base, np.isin(base, self.where)


def load_lesions(path: str | os.PathLike[str], **settings: Any) -> ProceduralLesions:
    """Read a sampler from a file, as a configuration of MONAI calls it.

    Args:
        path: that `ProceduralLesions.save` wrote.
        settings: shares, none and where that shall differ from the saved ones.

    Returns:
        The sampler.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or holds something else.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ProceduralLesions(value=2, radius=20.0).save(f"{folder}/lesions.json")
        ...     sampler = load_lesions(f"{folder}/lesions.json", none=0.25)
        >>> sampler.classes[2].radius, sampler.shares
        (20.0, {(2,): 0.75, (): 0.25})
    """
    classes, saved = read_populations(path, KIND, LesionClass)
    try:
        saved["shares"] = {tuple(values): share for values, share in saved["shares"]}
        ProceduralLesions.from_classes(classes, **saved)
    except (KeyError, TypeError, ValueError) as error:
        raise damage(path, KIND, f"holds settings that cannot be ({error})") from error
    return ProceduralLesions.from_classes(classes, **{**saved, **settings})


def _check_where(where: int | Sequence[int] | None, classes: Iterable[int]) -> tuple[int, ...] | None:
    """Return the values of a region as a tuple."""
    if where is None:
        return None
    values = tuple(int(value) for value in np.atleast_1d(where))
    if not values or min(values) < 0 or set(values) & set(classes):
        raise ValueError(
            f"where is {where!r}, expected label values >= 0 that are none of the lesions' own {sorted(classes)}: name "
            "the values of the organ in which lesions may lie."
        )
    return values
