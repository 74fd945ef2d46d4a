"""What is set in a comparison of Pix2Pix and CycleGAN, checked before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from monai_genaug._checks import check_choice
from monai_genaug.benchmark.plan import check_keys, check_list, check_overrides, check_whole

Entry = Mapping[str, Any]
SHARED = ("epochs", "iterations_per_epoch", "batch_size", "crop_size", "learning_rate")
GIVEN = (  # what the benchmark sets itself, or what would give one model another budget
    *("dataset_dir", "masks_dir", "unlabelled_dir", "output_dir", "datalist", "images", "masks", "unlabelled", "shown"),
    *("seed", "device", "resume", "image_channels", "tensorboard", "sample_interval", "is_main"),
    *("train", "checkpoint", "g_optimizer", "d_optimizer", "d_interval", "max_grad_norm", "amp"),
)
PUBLISHED = ("jaccard", "dice", "seconds_per_epoch")


class Model(NamedTuple):
    """One of the two that are compared.

    Args:
        title: what tables call it.
        bundle: that trains it.
        paired: whether it sees which mask belongs to which image.
    """

    title: str
    bundle: str
    paired: bool

    def data(self, entries: Sequence[Entry]) -> dict[str, Any]:
        """Give training images and masks as overrides of the bundle; those that are not paired as two lists."""
        if self.paired:
            return {"datalist": {"training": list(entries), "validation": [], "test": []}}
        return {
            "images": [{"image": entry["image"]} for entry in entries],
            "masks": [{"label": entry["label"]} for entry in entries],
        }


MODELS = {
    "pix2pix": Model("Pix2Pix", "nuclei_pix2pix", paired=True),
    "cyclegan": Model("CycleGAN", "nuclei_cyclegan", paired=False),
}


@dataclass(frozen=True, kw_only=True)
class PaperPlan:
    """Settings of the comparison; what is not a model's own counts for both.

    Args:
        data: what `load_datalist` understands.
        training_images: at most so many images of the training split, drawn by the seed; None: all of them.
        seeds: of the trainings: choice of images, weights, crops and noise.
        epochs: of each training.
        iterations_per_epoch: None: so that an epoch takes each image once.
        batch_size: images an iteration.
        crop_size: side of the crops, pixels.
        learning_rate: of all four Adam optimisers, falling to 0 in the second half of the epochs.
        intervals: of equal length, over which losses are averaged.
        pictures: test masks in the figure.
        picture_iterations: when they are drawn; rounded to ends of epochs, the last where they lie beyond it. None
            given: at the end.
        nuclei: ``"bright"`` or ``"dark"``: on which side of Otsu's threshold they lie.
        pix2pix: overrides of bundles/nuclei_pix2pix.
        cyclegan: overrides of bundles/nuclei_cyclegan.
        published: figures of others to stand beside, by model.

    Raises:
        ValueError: if an entry is of the wrong kind or out of its range.

    Example:
        >>> PaperPlan(epochs=3, picture_iterations=(10, 300)).picture_epochs(100)
        [1, 3]
    """

    data: str | None = None
    training_images: int | None = 100
    seeds: Sequence[int] = (0,)
    epochs: int = 200
    iterations_per_epoch: int | None = None
    batch_size: int = 1
    crop_size: int = 256
    learning_rate: float = 0.0002
    intervals: int = 10
    pictures: int = 3
    picture_iterations: Sequence[int] = ()
    nuclei: str = "bright"
    pix2pix: Mapping[str, Any] = field(default_factory=dict)
    cyclegan: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "crop_size", "intervals", "pictures"):
            check_whole(name, getattr(self, name))
        for name in ("training_images", "iterations_per_epoch"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name))
        for name, least in (("seeds", 0), ("picture_iterations", 1)):
            check_list(name, getattr(self, name), least)
        if isinstance(self.learning_rate, str | bool) or not 0 < self.learning_rate < math.inf:
            raise ValueError(
                f"learning_rate is {self.learning_rate!r}, expected a number above 0: write 2e-4 as 0.0002."
            )
        if not self.seeds:
            raise ValueError("seeds is an empty list, expected at least one: write for example seeds: [0].")
        check_choice("nuclei", self.nuclei, ("bright", "dark"))
        for name, model in MODELS.items():
            check_overrides(name, model.bundle, getattr(self, name), GIVEN, equal=SHARED)
        check_keys(self.published, MODELS, "published")
        for name, figures in self.published.items():
            check_keys(figures, PUBLISHED, f"published {name}")

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> PaperPlan:
        """Make a plan of what a YAML file says.

        Args:
            content: of `choose_setting`.

        Raises:
            ValueError: for an unknown entry, or one out of its range.
        """
        check_keys(content, [part.name for part in fields(cls)], "the plan")
        empty = {key for key, value in content.items() if value is None and key in (*MODELS, "published")}
        return cls(**{key: value for key, value in content.items() if key not in empty})

    def overrides(self, name: str, *, images: int) -> dict[str, Any]:
        """Give a model's settings, for a number of training images: what is shared, and its own."""
        shared = {key: getattr(self, key) for key in SHARED}
        return {**getattr(self, name), **shared, "iterations_per_epoch": self.epoch_length(images)}

    def epoch_length(self, images: int) -> int:
        """Give the iterations of an epoch."""
        return self.iterations_per_epoch or math.ceil(images / self.batch_size)

    def check_length(self, epoch_length: int) -> None:
        """Refuse intervals that do not fit into a training.

        Raises:
            ValueError: if there are more intervals than iterations.
        """
        total = self.epochs * epoch_length
        if self.intervals > total:
            raise ValueError(f"intervals is {self.intervals}, expected at most {total}, the iterations of a training.")

    def picture_epochs(self, epoch_length: int) -> list[int]:
        """Give the epochs after which pictures are drawn, in order."""
        epochs = {max(1, round(number / epoch_length)) for number in self.picture_iterations}
        return sorted({min(self.epochs, epoch) for epoch in epochs}) or [self.epochs]
