"""Generative augmentation of whole batches, on the device, after collate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from monai.data import MetaTensor, decollate_batch
from monai.engines import PrepareBatch
from monai.transforms import Randomizable
from torch import Tensor

from monai_genaug._checks import check_probability, check_range
from monai_genaug._rng import derive_seed, draw_seed
from monai_genaug._tensors import as_plain_tensor, take_from_batch
from monai_genaug.generators.acceleration import Acceleration, as_accelerated_handle
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.handle import GeneratorHandle, digest_state
from monai_genaug.synthesis import Accept
from monai_genaug.transforms.array import META_KEY, GenaugMeta
from monai_genaug.transforms.rows import DRAW_KEY, draw_rows, replace_rows

_DIGESTS: WeakKeyDictionary[ConditionalGenerator, tuple[Any, str]] = WeakKeyDictionary()


def augment_batch(
    batch: Mapping[str, Any],
    *,
    generator: GeneratorHandle | ConditionalGenerator,
    prob: float = 0.1,
    step: int | None = None,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    mask_sampler: Randomizable | None = None,
    accept: Accept | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    device: str | torch.device | None = None,
    image_key: str = "image",
    label_key: str = "label",
) -> dict[str, Any]:
    """Replace rows of a batch by synthetic pairs, for training loops written by hand.

    The generator makes all chosen rows at once. Which rows, and by what, follows from `seed` and `step` alone, so that
    a loop repeats; or from `seed` and the batch's ``"draw"`` numbers, where its loader gives them and `step` does not
    count. Processes that train together take a `seed` each. For equal image, label and seed the pair is that of
    `GenerativeAugment`, in float32 on the CPU within 1e-5 of `value_range`.

    Args:
        batch: image (B, C, *S) and label (B, 1, *S), whole numbers, and whatever else; it stays as it is.
        generator: of `load_generator`, or a handle, made before the loop; see `accelerate` for faster ones.
        prob: probability that a row is replaced.
        step: number of this batch in the training, another one each time.
        seed: of the training.
        seeds: one for each row in place of `step`, such as the metadata of another batch tell them.
        mask_sampler: makes a new label first; None keeps labels.
        accept: see `synthesize`; where no try is accepted the real pair stays.
        value_range: intensities (low, high) of the batch that stand for the generator's 0 and 1.
        device: where image and label go; None leaves them where they are.
        image_key: of the images in the batch.
        label_key: of the labels.

    Returns:
        The batch with image and label replaced, of equal types and metadata. ``"genaug"`` says of each row what
        `GenerativeAugmentd` says of a sample: applied, generator, digest and seed, in the form that collate gives them;
        the metadata of a `MetaTensor` image too.

    Raises:
        ValueError: if an argument is out of its range, nothing says which random numbers to take, or shapes, label
            values, channels or intensities do not fit the generator.
        TypeError: if `generator` is not loaded yet.
        KeyError: if image or label are missing.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> loader = [{"image": torch.full((2, 1, 1, 2), 0.5), "label": torch.tensor([[[[0, 1]]], [[[1, 0]]]])}]
        >>> for step, batch in enumerate(loader):
        ...     batch = augment_batch(batch, generator=generator, prob=1.0, step=step)
        >>> batch["image"].tolist(), batch["genaug"]["applied"]
        ([[[[0.0, 1.0]]], [[[1.0, 0.0]]]], tensor([True, True]))
    """
    check_probability("prob", prob)
    check_range("value_range", value_range)
    old_image, old_label = (_take(batch, key, device) for key in (image_key, label_key))
    image, label = as_plain_tensor(old_image), as_plain_tensor(old_label)
    if isinstance(generator, GeneratorHandle):
        name, digest, load = generator.name, generator.digest, generator.load
    elif isinstance(generator, ConditionalGenerator):
        name, digest, load = generator.name, _digest_once(generator), lambda: generator
    else:
        raise TypeError(
            f"generator is a {type(generator).__name__}, expected a loaded one, since a folder would be read in every "
            "step: before the loop, write generator = load_generator(name_or_dir, device)."
        )
    row_seeds = draw_rows(batch, len(image), step=step, seed=seed, seeds=seeds)
    image, label, applied = replace_rows(
        image, label, row_seeds, prob, load, mask_sampler=mask_sampler, accept=accept, value_range=value_range
    )
    previous = getattr(old_image, "meta", batch).get(META_KEY)
    entries = decollate_batch(previous) if previous and row_seeds else [_entry(name, digest)] * len(row_seeds)
    for row in applied:
        entries[row] = _entry(name, digest, row_seeds[row])
    meta = {
        "applied": torch.tensor([entry["applied"] for entry in entries], dtype=torch.bool),
        "generator": [entry["generator"] for entry in entries],
        "digest": [entry["digest"] for entry in entries],
        "seed": torch.tensor([entry["seed"] for entry in entries], dtype=torch.int64),
    }
    new_image, new_label = _like(image, old_image), _like(label, old_label)
    if isinstance(new_image, MetaTensor):
        new_image.meta[META_KEY] = meta
    return {**batch, image_key: new_image, label_key: new_label, META_KEY: meta}


class GenerativePrepareBatch(PrepareBatch, Randomizable):
    """Replaces rows of a batch by synthetic pairs, for the `prepare_batch` of MONAI's `SupervisedTrainer`.

    Which rows, and by what, follows from `seed` and the batch's ``"draw"`` numbers, where its loader gives them (as
    `monai_genaug.training.SeededLoader` does); else it is drawn from the random state, as MONAI's transforms draw.

    Args:
        generator: a folder that training wrote, the name of a shipped bundle, a handle or a live generator.
        prob: probability that a row is replaced.
        mask_sampler: makes a new label first; None keeps labels.
        accept: see `synthesize`.
        value_range: intensities (low, high) of the batch that stand for the generator's 0 and 1.
        seed: of what is drawn.
        device: where the network of a folder or bundle runs: that of the training.
        label_transform: makes targets of whole label maps (B, 1, *S) at the end, such as ``lambda label: label > 0``.
        image_key: of the images (B, C, *S) in the batch.
        label_key: of the labels (B, 1, *S), whole numbers.
        amp: let the generator compute in bfloat16; see `accelerate` for this and what follows.
        channels_last: keep its weights in that memory format.
        compile: compile its networks.
        compile_kwargs: of `torch.compile`.

    Raises:
        ValueError: if an argument is out of its range.
        FileNotFoundError: if there is no such generator.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> prepare = GenerativePrepareBatch(generator, prob=1.0)
        >>> prepare({"image": torch.rand(1, 1, 1, 2), "label": torch.tensor([[[[0, 1]]]])}, device="cpu")[0]
        tensor([[[[0., 1.]]]])
    """

    def __init__(
        self,
        generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator,
        prob: float = 0.1,
        *,
        mask_sampler: Randomizable | None = None,
        accept: Accept | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
        device: str | torch.device = "cpu",
        label_transform: Callable[[Tensor], Tensor] | None = None,
        image_key: str = "image",
        label_key: str = "label",
        amp: bool = False,
        channels_last: bool = False,
        compile: bool = False,
        compile_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.prob = check_probability("prob", prob)
        self.handle = as_accelerated_handle(
            generator, device, Acceleration(amp, channels_last, compile, compile_kwargs)
        )
        self.mask_sampler, self.accept, self.value_range = mask_sampler, accept, check_range("value_range", value_range)
        self.seed, self.label_transform = seed, label_transform
        self.image_key, self.label_key = image_key, label_key
        self.set_random_state(seed=derive_seed(seed, "batch") % 2**32)

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Give image (B, C, *S) and label or target (B, 1, *S) on the device."""
        image, label = take_from_batch(batchdata, (self.image_key, self.label_key), device, non_blocking, **kwargs)
        drawn = None if DRAW_KEY in batchdata else [draw_seed(self.R) for _ in range(len(image))]
        image, label, _ = replace_rows(
            image,
            label,
            draw_rows(batchdata, len(image), seed=self.seed, seeds=drawn),
            self.prob,
            self.handle.load,
            mask_sampler=self.mask_sampler,
            accept=self.accept,
            value_range=self.value_range,
        )
        return image, label if self.label_transform is None else self.label_transform(label)


def _take(batch: Mapping[str, Any], key: str, device: str | torch.device | None) -> Tensor:
    """Take a tensor out of a batch."""
    if key not in batch:
        raise KeyError(f"the batch has no key {key!r}, it has {sorted(map(str, batch))}: set image_key and label_key.")
    if not isinstance(batch[key], Tensor):
        raise ValueError(
            f"{key!r} of the batch is a {type(batch[key]).__name__}, expected a tensor (B, ...): crop or pad samples "
            "to one size, so that collate makes one of them."
        )
    return batch[key].to(device=device)


def _like(tensor: Tensor, source: Tensor) -> Tensor:
    """Give a batch the affines, metadata and history of another; plain where that is plain."""
    return MetaTensor(tensor).copy_meta_from(source) if isinstance(source, MetaTensor) else tensor


def _entry(generator: str, digest: str, seed: int | None = None) -> GenaugMeta:
    """Say what was done to a row."""
    return {"applied": seed is not None, "generator": generator, "digest": digest, "seed": -1 if seed is None else seed}


def _digest_once(generator: ConditionalGenerator) -> str:
    """Hash a live generator's weights, anew only where they were written to since."""
    state = generator.state_dict().values()
    stamp = [(part.data_ptr(), 0 if part.is_inference() else part._version) for part in state]
    if generator not in _DIGESTS or _DIGESTS[generator][0] != stamp:
        _DIGESTS[generator] = stamp, digest_state(generator)
    return _DIGESTS[generator][1]
