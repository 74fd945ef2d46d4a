"""New layouts of real objects: a bank of the shapes of a training set, and a sampler that arranges them anew."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from monai_genaug._checks import check_probability
from monai_genaug.masks.bank.arrangement import arrange, name_objects
from monai_genaug.masks.bank.cutting import cut_objects
from monai_genaug.masks.bank.file import read_bank, write_bank
from monai_genaug.masks.bank.layouts import Composer, Layout
from monai_genaug.masks.bank.store import ObjectStore
from monai_genaug.masks.deformation import check_angles, check_scale, count_planes
from monai_genaug.masks.sampler import Labels, MaskSampler

SETTINGS = "rotate", "scale", "flip", "bend", "mix", "small", "rare", "touching", "density", "keep", "binary"


class InstanceBank(MaskSampler):
    """Make new label maps out of the objects of real ones, each turned, mirrored, scaled and bent.

    A new map follows one training map, drawn anew each time, in the number of objects per area, their sizes and classes
    and how many of them touch; maps without objects count too. Where it finds no room for an object after 40 tries, it
    leaves the object out. Turns are in voxel units: resample anisotropic volumes first, or restrict `rotate`.

    Args:
        store: the objects; `InstanceBank.fit` cuts them out of labels.
        rotate: largest angle in radians, either way; in 3D one for all axes or one for each axis of rotation.
        scale: smallest and largest factor of size, drawn log-uniformly.
        flip: probability to mirror each axis, from 0 to 1.
        bend: strength of the smooth deformation in [0, 1), 0 for none.
        mix: share of the objects that come from any training map, with alike sizes, instead of the drawn one.
        small: share of the objects that are replaced by one of the smallest quarter of its class by area.
        rare: exponent with which classes are drawn by inverse frequency: 0 as they are, 1 all equally often; only for
            class maps.
        touching: share of the objects that touch another one; None: as in the training maps, and 0: none. In class maps
            an object is put at one of another class.
        density: factor on the number of objects, above 0.
        keep: whether the given label's objects stay and new ones are put where there is room; else it gives its size
            alone, and instances are numbered from 1.
        binary: whether new maps hold 0 and 1 alone, for labels that do.

    Raises:
        ValueError: for a setting out of its range.

    Example:
        >>> label = np.zeros((1, 32, 32), np.uint8)
        >>> label[0, 3:8, 4:10], label[0, 20:26, 15:20] = 1, 2
        >>> new = InstanceBank.fit([label]).set_random_state(seed=0)(label)
        >>> np.unique(new).tolist(), new.shape, bool((new != label).any())
        ([0, 1, 2], (1, 32, 32), True)
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        rotate: float | Sequence[float] = math.pi,
        scale: Sequence[float] = (0.8, 1.25),
        flip: float = 0.5,
        bend: float = 0.6,
        mix: float = 0.25,
        small: float = 0.0,
        rare: float = 0.0,
        touching: float | None = None,
        density: float = 1.0,
        keep: bool = False,
        binary: bool = False,
    ) -> None:
        self.store = store
        self.rotate, self.scale = check_angles(rotate), check_scale(scale)
        if len(self.rotate) > count_planes(store.dims):
            raise ValueError(f"rotate has {len(self.rotate)} angles, a 2D bank has one: pass a single number.")
        if not 0.0 <= bend < 1.0:
            raise ValueError(f"bend is {bend!r}, expected 0 <= bend < 1, so that shapes cannot fold: pass bend=0.6.")
        if not (math.isfinite(density) and density > 0.0):
            raise ValueError(f"density is {density!r}, expected a factor above 0: pass density=1 for none.")
        self.flip, self.bend, self.mix = check_probability("flip", flip), float(bend), check_probability("mix", mix)
        self.small, self.rare = check_probability("small", small), check_probability("rare", rare)
        if self.rare and store.instances:
            raise ValueError(
                f"rare is {rare!r}, but the bank holds instances without classes: leave rare=0, or fit the bank to "
                "class maps with instances=False."
            )
        self.touching = None if touching is None else check_probability("touching", touching)
        self.density, self.keep, self.binary = float(density), bool(keep), bool(binary)
        self.numbers_objects = store.instances
        self.composer = Composer(
            store, mix=self.mix, small=self.small, rare=self.rare, density=self.density, touching=self.touching
        )
        self._layout = Layout(np.zeros(0, np.int64), [], np.zeros(0, bool), np.zeros(0, bool), 0)

    @classmethod
    def fit(
        cls,
        labels: Iterable[NDArray[Any] | Tensor],
        images: Iterable[NDArray[Any] | Tensor] | None = None,
        *,
        instances: bool = True,
        paste_images: bool = False,
        **settings: Any,
    ) -> Self:
        """Cut the objects out of training labels.

        Args:
            labels: (1, *S) each, 2D or 3D, whole numbers >= 0; sizes may differ.
            images: (C, *S) each, in [0, 1] as `scale_to_unit` gives; with `paste_images` only.
            instances: whether each value is an object, as in nucleus maps; False: values are classes, each connected
                piece of a class is an object, and new maps hold the same classes.
            paste_images: whether the bank carries the objects' pixels too, as `CopyPasted` needs them.
            settings: of the bank, see there.

        Returns:
            The bank.

        Raises:
            ValueError: if no label holds an object, or labels or images do not fit one another.
        """
        if paste_images != (images is not None):
            raise ValueError(
                f"paste_images is {paste_images} and images are {'missing' if images is None else 'given'}, expected "
                "both or none: pass fit(labels, images, paste_images=True) to carry pixels, fit(labels) for shapes."
            )
        return cls(cut_objects(labels, images, instances=instances), **settings)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **settings: Any) -> Self:
        """Read a bank from a file that `save` wrote.

        Args:
            path: the file.
            settings: that shall differ from the saved ones.

        Returns:
            The bank.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged or holds something else.
        """
        store, saved = read_bank(path, SETTINGS)
        return cls(store, **{**saved, **settings})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bank with its settings as one file, aside first and then renamed.

        Args:
            path: such as ``bank.npz``; folders are made.
        """
        write_bank(path, self.store, self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name, as JSON can hold them."""
        values = {name: getattr(self, name) for name in SETTINGS}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, InstanceBank):
            return NotImplemented
        return self.settings == other.settings and self.store.digest == other.store.digest

    def __hash__(self) -> int:
        return hash(self.store.digest)

    def randomize(self, data: Sequence[int]) -> None:
        """Draw one layout.

        Args:
            data: spatial size of the label map.
        """
        self._layout = self.draw(self.R, tuple(data))

    def sample(self, values: Labels) -> Labels:
        """Make a new map of the size of a checked one (*S), or with `keep` add objects to it."""
        self.randomize(values.shape)
        base = values if self.keep else np.zeros_like(values)
        return name_objects(self.store, base, *arrange(self.store, base, self._layout))

    def draw(self, rng: np.random.RandomState, size: tuple[int, ...], *, filled: bool = False) -> Layout:
        """Draw a layout for a map of a size, which holds one object at least if it shall be filled."""
        if len(size) != self.store.dims:
            raise ValueError(
                f"label has {len(size)} spatial dimensions, the bank was fitted to {self.store.dims}: fit a bank to "
                "such labels."
            )
        thin = (self.store.sizes == 1).all(axis=0)
        planes = count_planes(len(size))
        fixed = [thin.any()] if planes == 1 else [np.delete(thin, k).any() for k in range(planes)]
        angles = np.where(fixed, 0.0, np.broadcast_to(self.rotate, planes))
        return self.composer.draw(
            rng, size, tuple(angles.tolist()), scale=self.scale, flip=self.flip, bend=self.bend, filled=filled
        )


def load_bank(path: str | os.PathLike[str], **settings: Any) -> InstanceBank:
    """Read a bank from a file, as a configuration of MONAI calls it.

    Args:
        path: that `InstanceBank.save` wrote.
        settings: that shall differ from the saved ones.

    Returns:
        The bank.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or holds something else.

    Example:
        >>> import tempfile
        >>> label = np.pad(np.ones((1, 4, 4), np.uint8), ((0, 0), (8, 8), (8, 8)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     InstanceBank.fit([label], density=2.0).save(f"{folder}/bank.npz")
        ...     bank = load_bank(f"{folder}/bank.npz", flip=0.0)
        >>> bank.density, bank.flip
        (2.0, 0.0)
    """
    return InstanceBank.load(path, **settings)
