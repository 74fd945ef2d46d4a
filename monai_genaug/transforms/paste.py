"""Copy-paste augmentation: real objects of other images, with their real pixels, in an image and its label."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils.enums import TransformBackends
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_label, check_range
from monai_genaug._intensities import check_intensities, to_dtype
from monai_genaug._rng import derive_seed
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.masks.bank import InstanceBank, load_bank
from monai_genaug.masks.bank.arrangement import Placement, arrange, name_objects
from monai_genaug.masks.bank.store import MARGIN, ObjectStore
from monai_genaug.masks.bank.warps import sample_linear, warp_points
from monai_genaug.masks.sampler import check_room
from monai_genaug.transforms.array import META_KEY, GenaugMeta, check_pair, to_tensor, with_meta
from monai_genaug.transforms.seeded import SeededTransform

Floats = NDArray[np.float32]


class Pasted(NamedTuple):
    """An image and its label with pasted objects.

    Args:
        image: (C, *S), of the type that came in.
        label: (1, *S), of the type that came in.
        objects: number of objects that were pasted.
    """

    image: Tensor
    label: Tensor
    objects: int


def paste_objects(
    image: Tensor, label: Tensor, bank: InstanceBank, seed: int, *, value_range: tuple[float, float] = (0.0, 1.0)
) -> Pasted:
    """Paste objects of a bank where an image has room for them, a function of (image, label, seed) alone.

    Ghiasi et al. 2021, "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation", with two
    changes: nothing is covered, and objects are turned and bent too. A random part of one layout of the bank, one
    object at least, is put where the label is background. Pixels are turned, scaled, mirrored and bent as the shapes,
    and fade over one voxel around them; all others stay bit for bit.

    Args:
        image: (C, *S).
        label: (1, *S), whole numbers >= 0, 0 = background.
        bank: with pixels.
        seed: any integer.
        value_range: intensities (low, high) that stand for the bank's 0 and 1.

    Returns:
        The pair, and how many objects were pasted.

    Raises:
        ValueError: if the image does not fit the bank, or the label's type has no room for the new values.

    Example:
        >>> label, image = np.zeros((1, 16, 16), np.uint8), np.zeros((1, 16, 16), np.float32)
        >>> label[0, 4:9, 5:9] = image[0, 4:9, 5:9] = 1
        >>> bank = InstanceBank.fit([label], [image], paste_images=True)
        >>> empty = torch.zeros(1, 32, 32, dtype=torch.int64)
        >>> pasted = paste_objects(empty.float(), empty, bank, 0)
        >>> pasted.objects, pasted.label.max().item(), pasted.image[pasted.label > 0].mean().item() > 0.8
        (1, 1, True)
    """
    low, high = check_range("value_range", value_range)
    image, label = as_plain_tensor(image), as_plain_tensor(label)
    check_pair(image, label)
    store = bank.store
    _check_image(image, store, (low, high))
    values = check_label(label).cpu().numpy()[0]
    bank.check_values(values)
    rng = np.random.RandomState(derive_seed(seed, "paste") % 2**32)
    layout = bank.draw(rng, values.shape, filled=True)
    part = np.sort(rng.permutation(len(layout.objects))[: 1 + rng.randint(len(layout.objects))])
    numbered, placed = arrange(store, values, layout.take(part))
    named = torch.from_numpy(name_objects(store, values, numbered, placed))[None]
    if bank.binary:
        named = (named > 0).to(torch.int64)
    check_room(int(named.max()), label.dtype)
    new_label = named.to(label)
    pixels = image.detach().cpu().float().numpy().copy()
    changed = np.zeros(values.shape, dtype=bool)
    for place in placed:
        _blend(pixels, changed, numbered, place, store, (low, high))
    made = to_dtype(torch.from_numpy(pixels), image.dtype).to(image.device)
    where = torch.from_numpy(changed).to(image.device)
    return Pasted(torch.where(where, made, image), new_label, len(placed))


def _blend(
    pixels: Floats,
    changed: NDArray[np.bool_],
    numbered: NDArray[np.int64],
    place: Placement,
    store: ObjectStore,
    value_range: tuple[float, float],
) -> None:
    """Write one object's pixels into an image (C, *S), in place, and note where."""
    window: list[slice] = []
    grid: list[slice] = [slice(None)]
    for corner, side, low, length in zip(place.corner, place.sides, place.low, numbered.shape, strict=True):
        span = slice(max(corner - 1, 0), min(corner + side + 1, length))
        window.append(span)
        grid.append(slice(span.start - corner + low, span.stop - corner + low))
    box = tuple(window)
    own = numbered[box] == place.number
    share = np.where(numbered[box] > 0, 0.0, np.minimum(1.0, 2.0 * _smooth(own)))  # half of each beside a straight edge
    share = np.where(own, 1.0, share).astype(np.float32)
    sides = tuple(store.boxes[place.source].tolist())
    points = warp_points(place.warp, sides)[tuple(grid)]
    black, white = value_range
    new = sample_linear(store.crop(place.source), points + MARGIN) * (white - black) + black
    region = (slice(None), *box)
    pixels[region] = np.where(share > 0, share * new + (1 - share) * pixels[region], pixels[region])
    changed[box] |= share > 0


def _smooth(mask: NDArray[np.bool_]) -> Floats:
    """Smooth a mask over one voxel on either side; beyond the border its last voxels go on."""
    smooth: Floats = np.pad(mask.astype(np.float32), 1, mode="edge")
    for axis in range(mask.ndim):
        line = np.moveaxis(smooth, axis, 0)
        smooth = np.moveaxis((line[:-2] + 2 * line[1:-1] + line[2:]) / np.float32(4), 0, axis)
    return smooth


def _check_image(image: Tensor, store: ObjectStore, value_range: tuple[float, float]) -> None:
    """Refuse an image that the bank's pixels do not fit."""
    if not store.channels:
        raise ValueError(
            "the bank carries no pixels, expected those of its objects: fit it with "
            "InstanceBank.fit(labels, images, paste_images=True)."
        )
    if image.shape[0] != store.channels:
        raise ValueError(
            f"image has {image.shape[0]} channels, the bank's objects have {store.channels}: pick or add channels "
            "before, or fit the bank to such images."
        )
    check_intensities(image, value_range, transform="CopyPasted")


class CopyPasted(SeededTransform, MapTransform):
    """Paste objects of an `InstanceBank` with their pixels into image and label, with a given probability.

    It is the copy-paste augmentation that generative augmentation is to be compared with; see `paste_objects`. The
    image's metadata tell under ``"genaug"`` what was done, as those of `GenerativeAugmentd` do.

    Args:
        keys: key of the image (C, *S); one key.
        label_key: key of the label (1, *S).
        bank: with pixels, or the file that holds it; its settings say how many objects, which and how changed.
        prob: probability that objects are pasted into a sample.
        value_range: intensities (low, high) of the chain at this place that stand for the bank's 0 and 1.
        allow_missing_keys: leave samples without image or label as they are.

    Raises:
        ValueError: if an argument is out of its range, and on call, if image and label do not fit the bank.
        FileNotFoundError: if there is no such file.
        KeyError: on call, if image or label is missing.

    Example:
        >>> label, image = np.zeros((1, 16, 16), np.uint8), np.zeros((1, 16, 16), np.float32)
        >>> label[0, 4:9, 5:9] = image[0, 4:9, 5:9] = 1
        >>> paste = CopyPasted(bank=InstanceBank.fit([label], [image], paste_images=True), prob=1.0)
        >>> sample = paste.set_random_state(seed=0)({"image": image, "label": label})
        >>> sample["label"].unique().tolist(), sample["image"].meta["genaug"]["applied"]
        ([0, 1, 2], True)
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  # MONAI's convention

    def __init__(
        self,
        keys: KeysCollection = "image",
        label_key: Hashable = "label",
        *,
        bank: InstanceBank | str | os.PathLike[str],
        prob: float = 0.1,
        value_range: tuple[float, float] = (0.0, 1.0),
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        SeededTransform.__init__(self, prob)
        if len(self.keys) != 1:
            raise ValueError(
                f"keys is {self.keys}, expected one image key: join the channels of several images before with "
                "ConcatItemsd(keys=..., name='image')."
            )
        self.bank = bank if isinstance(bank, InstanceBank) else load_bank(bank)
        self.label_key = label_key
        self.value_range = check_range("value_range", value_range)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Give the sample with objects pasted, or as it came."""
        sample = dict(data)
        key = self.keys[0]
        self.randomize()
        missing = [name for name in (key, self.label_key) if name not in sample]
        if missing:
            if self.allow_missing_keys:
                return sample
            raise KeyError(
                f"the sample has no key {missing[0]!r}, it has {sorted(map(str, sample))}: set keys and label_key, or "
                "allow_missing_keys=True to leave such samples as they are."
            )
        image, label = to_tensor(sample[key]), to_tensor(sample[self.label_key])
        check_pair(image, label)
        nothing: GenaugMeta = {
            "applied": False,
            "generator": "copy-paste",
            "digest": self.bank.store.digest,
            "seed": -1,
        }
        meta = getattr(image, "meta", {}).get(META_KEY, nothing)  # an earlier transform may have applied
        new: Tensor = image
        if self._do_transform:
            pasted = paste_objects(image, label, self.bank, self.seed, value_range=self.value_range)
            if pasted.objects:
                meta = {**nothing, "applied": True, "seed": self.seed}
                new, label = pasted.image, with_meta(pasted.label, label)
        sample[key], sample[self.label_key] = with_meta(new, image, meta), label
        return sample


CopyPasteD = CopyPasteDict = CopyPasted
