"""New layouts of nuclei out of numbers alone: star-convex bodies, drawn by the statistics of real labels."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from monai_genaug._checks import check_probability
from monai_genaug.masks.instances import is_foreground, number_objects
from monai_genaug.masks.procedural.file import damage, read_populations, write_populations
from monai_genaug.masks.procedural.nuclei_plan import Plan, draw_plan, place_plan, vary_population
from monai_genaug.masks.procedural.populations import Population, fit_populations
from monai_genaug.masks.sampler import Labels, MaskSampler
from monai_genaug.masks.statistics import as_plane, read_labels

KIND = "nuclei"  # in files


class ProceduralNuclei(MaskSampler):
    """Make new instance maps of nuclei that were never drawn by hand, out of a few numbers.

    Each map follows one `Population`: with `fit` one of those that the training maps hold, since number, sizes, forms
    and contact go together and differ strongly between images. Nuclei are star-convex bodies that never overlap; the
    border cuts them. Those that find no room after 40 tries are left out. All is in voxels: resample anisotropic
    volumes first. Of the label that is passed only size, type and metadata matter; the new one is numbered from 1.

    Args:
        coverage: share of the map that is nuclei, from 0 to 1; crowding takes some of it.
        radius: mean radius of the circle or ball of equal volume, in voxels.
        radius_spread: its standard deviation, relative to it.
        eccentricity: mean eccentricity, in [0, 1).
        eccentricity_spread: its standard deviation.
        roughness: standard deviation of the rim's distance from the ellipse, relative to the radius.
        clustering: how they gather, in [0, 1): 0 even, 0.5 twice as likely near another one.
        touching: share of them that touch another one, from 0 to 1.
        jitter: relative standard deviation by which the numbers change from map to map, 0 for none.
        small: share of the nuclei that are drawn from the smallest quarter of the sizes, beside the others, which
            follow the population; from 0 to 1.
        binary: whether new maps hold 0 and 1 alone, for labels that do.

    Raises:
        ValueError: for a number out of its range.

    Example:
        >>> import numpy as np
        >>> sampler = ProceduralNuclei(radius=6.0).set_random_state(seed=0)
        >>> new = sampler(np.zeros((1, 96, 96), np.uint16))
        >>> new.shape, new.dtype, int(new.max())
        ((1, 96, 96), dtype('uint16'), 23)
    """

    numbers_objects = True

    def __init__(
        self,
        *,
        coverage: float = 0.15,
        radius: float = 9.0,
        radius_spread: float = 0.2,
        eccentricity: float = 0.6,
        eccentricity_spread: float = 0.15,
        roughness: float = 0.04,
        clustering: float = 0.2,
        touching: float = 0.2,
        jitter: float = 0.25,
        small: float = 0.0,
        binary: bool = False,
    ) -> None:
        population = Population(
            coverage=coverage,
            radius=radius,
            radius_spread=radius_spread,
            eccentricity=eccentricity,
            eccentricity_spread=eccentricity_spread,
            roughness=roughness,
            clustering=clustering,
            touching=touching,
        )
        self.populations = [population]
        self.spatial_dims: int | None = None
        self.jitter, self.small = check_probability("jitter", jitter), check_probability("small", small)
        self.binary = bool(binary)
        self._plan = Plan([], None, 0.0, 0)

    @classmethod
    def from_populations(
        cls,
        populations: Iterable[Population],
        *,
        spatial_dims: int | None = None,
        touching: float | None = None,
        density: float = 1.0,
        jitter: float = 0.25,
        small: float = 0.0,
        binary: bool = False,
    ) -> Self:
        """Make a sampler of which each map follows one of several populations.

        Args:
            populations: at least one; each is as likely.
            spatial_dims: 2 or 3, of the labels that it takes; by default both.
            touching: share of nuclei that touch another one, for all populations; by default their own.
            density: factor on the number of nuclei, above 0.
            jitter: as of the class.
            small: as of the class.
            binary: as of the class.

        Returns:
            The sampler; its `populations` hold `touching` and `density`.

        Raises:
            ValueError: for a setting out of its range, or no population.
        """
        if not (math.isfinite(density) and density > 0.0):
            raise ValueError(f"density is {density!r}, expected a factor above 0: pass density=1 for none.")
        sampler = cls(jitter=jitter, small=small, binary=binary)
        sampler.populations = [
            replace(
                population,
                coverage=min(1.0, density * population.coverage),
                touching=population.touching if touching is None else touching,
            )
            for population in populations
        ]
        if not sampler.populations:
            raise ValueError("populations is empty, expected at least one: fit the sampler to labels.")
        sampler.spatial_dims = spatial_dims
        return sampler

    @classmethod
    def fit(cls, labels: Iterable[NDArray[Any] | Tensor], **settings: Any) -> Self:
        """Measure the populations of training labels.

        Args:
            labels: (1, *S) each, a value for each nucleus, 0 = background; all 2D or all 3D, of any sizes. With
                ``binary=True`` each connected piece is a nucleus.
            settings: touching, density, jitter, small and binary, see `from_populations`.

        Returns:
            The sampler; maps without a nucleus are one of its populations too.

        Raises:
            ValueError: if no label holds an object, one is no label map, or most hold 0 and 1 alone.

        Example:
            >>> import numpy as np
            >>> label = np.zeros((1, 32, 32), np.uint8)
            >>> label[0, 3:9, 4:10], label[0, 20:26, 15:21] = 1, 2
            >>> sampler = ProceduralNuclei.fit([label], small=0.5)
            >>> len(sampler.populations), sampler.spatial_dims, round(sampler.populations[0].radius, 2)
            (1, 2, 3.39)
        """
        maps = read_labels(labels)
        if settings.get("binary", False):
            maps = [number_objects(values, instances=False)[0] for values in maps]
        elif sum(map(is_foreground, maps)) > 0.5 * sum(values.any() for values in maps):
            raise ValueError(
                "most labels hold 0 and 1 alone, in several pieces, expected a value for each nucleus: pass "
                "binary=True (--binary on the command line) to take each piece for a nucleus."
            )
        populations, dims = fit_populations([values[None] for values in maps])
        return cls.from_populations(populations, spatial_dims=dims, **settings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the sampler as one JSON file, which `load_procedural` reads; aside first, then renamed.

        Args:
            path: such as ``nuclei.json``; folders are made.
        """
        settings = {
            "spatial_dims": self.spatial_dims,
            "jitter": self.jitter,
            "small": self.small,
            "binary": self.binary,
        }
        write_populations(path, KIND, self.populations, settings)

    def randomize(self, data: Sequence[int]) -> None:
        """Draw what one map shall hold.

        Args:
            data: spatial size of the label map.
        """
        size = tuple(data)
        if self.spatial_dims not in {None, len(size)}:
            raise ValueError(
                f"label has {len(size)} spatial dimensions, the sampler was fitted to {self.spatial_dims}: fit one to "
                "such labels."
            )
        population = self.populations[self.R.randint(len(self.populations))]
        varied = vary_population(population, len(size), self.jitter, self.R)
        self._plan = draw_plan(varied, size, self.small, self.R)

    def sample(self, values: Labels) -> Labels:
        """Make a new map of the size of a checked one (*S)."""
        size = as_plane(values).shape
        self.randomize(size)
        return place_plan(self._plan, size).reshape(values.shape)


def load_procedural(path: str | os.PathLike[str], **settings: Any) -> ProceduralNuclei:
    """Read a sampler from a file, as a configuration of MONAI calls it.

    Args:
        path: that `ProceduralNuclei.save` wrote.
        settings: touching, density, jitter, small and binary that shall differ from the saved ones.

    Returns:
        The sampler.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or holds something else.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ProceduralNuclei(radius=6.0).save(f"{folder}/nuclei.json")
        ...     sampler = load_procedural(f"{folder}/nuclei.json", touching=0.5)
        >>> sampler.populations[0].radius, sampler.populations[0].touching
        (6.0, 0.5)
    """
    populations, saved = read_populations(path, KIND, Population)
    try:
        ProceduralNuclei.from_populations(populations, **saved)
    except (TypeError, ValueError) as error:
        raise damage(path, KIND, f"holds settings that cannot be ({error})") from error
    return ProceduralNuclei.from_populations(populations, **{**saved, **settings})
