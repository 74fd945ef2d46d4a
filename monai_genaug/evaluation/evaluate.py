"""All measures of two sets of images, as far as there are enough of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_at_least, check_device
from monai_genaug._rng import derive_seed
from monai_genaug.evaluation.agreement import check_segmenter, compare_masks
from monai_genaug.evaluation.classes import compare_classes
from monai_genaug.evaluation.copies import find_copies
from monai_genaug.evaluation.distribution import Comparison, compare_features, draw_parts
from monai_genaug.evaluation.intensities import compare_intensities
from monai_genaug.evaluation.items import Item, check_items, check_kind, describe_sizes, find_pairs
from monai_genaug.evaluation.pairs import compare_pairs, compare_samples, group_by_mask
from monai_genaug.evaluation.places import cut, random_window
from monai_genaug.evaluation.result import EvaluationResult
from monai_genaug.machine import describe_machine
from monai_genaug.metrics.features import extract_features, load_extractor
from monai_genaug.training.segmenter import Segmenter

Images = Iterable[Mapping[str, Any]]
Progress = Callable[[str, int, int], None]  # what is computed, done, total
Part = TypeVar("Part")


def evaluate_images(
    real: Images,
    synthetic: Images,
    *,
    held_out: Images | None = None,
    features: str | Path = "random",
    segmenter: Segmenter | None = None,
    classifier: torch.nn.Module | None = None,
    crop: int = 0,
    pair_names: bool = True,
    repeats: int = 100,
    draws: int = 20,
    nearest: int = 100,
    patch: int = 32,
    seed: int = 0,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> EvaluationResult:
    """Compare synthetic images with the real ones that their generator was trained on.

    Each item is ``{"image": (C, *S) in [0, 1]}``, 2D or 3D, and may have a "name", a "group" (of the patient, say) and
    a "label" (1, *S): of a synthetic image the mask that it was made from. Sizes and counts may differ. Measures for
    which there are too few images are left out, with the reason.

    Args:
        real: the training images.
        synthetic: likewise.
        held_out: real images that were not trained on, the baseline for copies; None: the real images against each
            other.
        features: see `load_extractor`.
        segmenter: of `load_segmenter`, finds the masks again; None: Otsu's threshold.
        classifier: gives logits (B, K), for inception and mode score; None: no such scores.
        crop: before features and intensities are compared, images are cropped at random to so many voxels a side at
            most; 0: they are not. To compare images that show parts of different size.
        pair_names: whether a synthetic image NAME, or NAME_0, NAME_1, ..., was made from the mask of the real image
            NAME.
        repeats: subsamples of each interval, at least 40.
        draws: of halves of the real images, at least 1.
        nearest: most images of either kind that are searched for in the real ones.
        patch: greatest side of what is searched for, in voxels of half the resolution, at least 8.
        seed: of all that is random.
        device: where networks run.
        progress: called as ``progress("measures", done, total)``.

    Returns:
        `EvaluationResult`.

    Raises:
        ValueError: for images of several kinds, labels that do not fit, or settings out of their range.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> real, synthetic = ([{"image": torch.rand(1, 24, 24, generator=rng)} for _ in range(6)] for _ in range(2))
        >>> result = evaluate_images(real, synthetic, draws=2)
        >>> result.distribution[0].name, result.distribution[0].sizes, result.copies.flagged
        ('KID', (6, 6), [])
    """
    check_at_least(40, repeats=repeats)
    check_at_least(1, draws=draws, nearest=nearest)
    check_at_least(8, patch=patch)
    check_at_least(0, crop=crop)
    device = check_device(device)
    sets = {"real": check_items(real, name="real"), "synthetic": check_items(synthetic, name="synthetic")}
    if held_out is not None:
        sets["held_out"] = check_items(held_out, name="held-out")
    first = sets["real"][0]
    for items in sets.values():
        check_kind(items[0]["image"], first["image"], names=(items[0]["name"], first["name"]))
    pairs = find_pairs(sets["real"], sets["synthetic"]) if pair_names else {}
    settings = {"features": str(features), "crop": crop, "pair_names": pair_names, "repeats": repeats, "draws": draws}
    settings |= {"nearest": nearest, "patch": patch, "seed": seed, "device": str(device)}

    if segmenter is not None:
        check_segmenter(segmenter, first["image"])
    evaluation = _Evaluation(sets["real"], sets["synthetic"], pairs, seed, device, progress)
    classes = evaluation.compare_classes(classifier)
    distribution, intensities = evaluation.compare_sets(features, crop, repeats, draws)
    copies = evaluation.part(
        "memorisation",
        lambda: find_copies(
            *(sets["real"], sets["synthetic"], sets.get("held_out")),
            most=nearest,
            side=patch,
            seed=seed,
            device=device,
            progress=evaluation.told("nearest images"),
        ),
    )
    return EvaluationResult(
        settings=settings,
        counts=_count(sets, pairs),
        names={name: [item["name"] for item in items] for name, items in sets.items()},
        distribution=distribution,
        intensities=intensities,
        copies=copies,
        agreement=evaluation.compare_masks(segmenter),
        pairs=evaluation.compare_pairs(pair_names),
        diversity=evaluation.compare_samples(),
        classes=classes,
        pairs_of=pairs,
        left_out=evaluation.left_out,
        machine=describe_machine(device),
    )


class _Evaluation:
    """The parts of one evaluation, and the reasons why some are left out."""

    def __init__(
        self,
        real: list[Item],
        synthetic: list[Item],
        pairs: dict[int, int],
        seed: int,
        device: torch.device,
        progress: Progress | None,
    ) -> None:
        self.real, self.synthetic, self.pairs = real, synthetic, pairs
        self.seed, self.device, self.progress = seed, device, progress
        self.images = tuple([item["image"] for item in items] for items in (real, synthetic))
        self.left_out: dict[str, str] = {}

    def told(self, what: str) -> Callable[[int, int], None] | None:
        """Give the progress of one part."""
        progress = self.progress
        return None if progress is None else lambda done, total: progress(what, done, total)

    def part(self, name: str, compute: Callable[[], Part]) -> Part | None:
        """Compute a part, or note why it cannot be."""
        try:
            return compute()
        except ValueError as error:
            self.left_out[name] = str(error).rstrip(".")
            return None

    def compare_sets(
        self, features: str | Path, crop: int, repeats: int, draws: int
    ) -> tuple[list[Comparison], list[Comparison]]:
        """Compare features and intensities."""
        image = self.images[0][0]
        extractor = load_extractor(features, spatial_dims=image.ndim - 1, image_channels=len(image)).to(self.device)
        images = [[self._crop(image, crop, number) for number, image in enumerate(part)] for part in self.images]
        rows = _answers(extractor, str(features), images)
        groups = self._number_groups()
        parts = draw_parts(groups[0], len(self.synthetic), count=draws, seed=self.seed)
        progress = self.told("measures")
        found = compare_features(*rows, groups=groups, draws=parts, repeats=repeats, seed=self.seed, progress=progress)
        intensities = compare_intensities(*images, draws=parts[:1])
        for comparison in (*found, *intensities):
            if comparison.reason:
                self.left_out[comparison.name] = comparison.reason.rstrip(".")
        return found, intensities

    def _crop(self, image: Tensor, side: int, number: int) -> Tensor:
        """Cut an image to at most so many voxels a side, if to any."""
        if not side:
            return image
        return cut(image, random_window(image, (side,) * (image.ndim - 1), seed=derive_seed(self.seed, "crop", number)))

    def _number_groups(self) -> tuple[list[int], list[int]]:
        """Number groups; a synthetic image is in the group of its real one, or else in its own."""
        number_of = {group: number for number, group in enumerate(dict.fromkeys(item["group"] for item in self.real))}
        real = [number_of[item["group"]] for item in self.real]
        synthetic = [
            real[self.pairs[number]] if number in self.pairs else len(number_of) + number
            for number in range(len(self.synthetic))
        ]
        return real, synthetic

    def compare_masks(self, segmenter: Segmenter | None) -> Any:
        """Find masks again."""
        if all(item["label"] is None for item in self.synthetic):
            self.left_out["masks"] = "the synthetic images have no masks"
            return None
        told = self.told("masks")
        return self.part("masks", lambda: compare_masks(self.real, self.synthetic, segmenter=segmenter, progress=told))

    def compare_pairs(self, wanted: bool) -> Any:
        """Compare each image with the real one of its mask."""
        if not self.pairs:
            reason = "no synthetic image has the name of a real one" if wanted else "names are not to be paired"
            self.left_out["paired measures"] = reason
            return None
        told = self.told("pairs")
        return self.part("paired measures", lambda: compare_pairs(self.real, self.synthetic, self.pairs, progress=told))

    def compare_samples(self) -> Any:
        """Compare images of one mask."""
        groups = group_by_mask(self.synthetic, self.pairs)
        if not groups:
            self.left_out["diversity"] = "no two synthetic images are known to be of one mask"
            return None
        return self.part("diversity", lambda: compare_samples(groups))

    def compare_classes(self, classifier: torch.nn.Module | None) -> Any:
        """Ask the classifier, if there is one."""
        if classifier is None:
            return None
        return compare_classes(*_answers(classifier.to(self.device), "the classifier", self.images))


def _answers(network: torch.nn.Module, name: str, images: Sequence[Sequence[Tensor]]) -> list[NDArray[np.float64]]:
    """Ask a network about several sets of images."""
    try:
        return [extract_features(part, network) for part in images]
    except RuntimeError as error:  # a TorchScript file says nothing of what it takes
        shape, reason = tuple(images[0][0].shape), str(error).strip().splitlines()[-1]
        raise ValueError(f"{name} cannot take images of shape {shape}: {reason}") from error


def _count(sets: Mapping[str, list[Item]], pairs: Mapping[int, int]) -> dict[str, Any]:
    """Give numbers and sizes of images."""
    counts: dict[str, Any] = {name: len(items) for name, items in sets.items()}
    counts["channels"] = len(sets["real"][0]["image"])
    counts["real_groups"] = len({item["group"] for item in sets["real"]})
    counts["synthetic_with_mask"] = sum(item["label"] is not None for item in sets["synthetic"])
    counts["pairs"] = len(pairs)
    counts["sizes"] = {name: describe_sizes(items) for name, items in sets.items()}
    return counts
