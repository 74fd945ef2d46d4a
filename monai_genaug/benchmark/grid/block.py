"""What the cells of one data set, number of labels and seed share: images, samplers, generators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from monai_genaug.benchmark.grid.plan import ARMS, DatasetPlan, GeneratorPlan, GridPlan
from monai_genaug.benchmark.segmentation import SEGMENTER
from monai_genaug.data import digest_datalist, load_datalist, load_images, load_items, load_labels
from monai_genaug.data.items import Item
from monai_genaug.data.splits import choose_items
from monai_genaug.masks import InstanceBank, ProceduralNuclei
from monai_genaug.training.bundle import read_configs

Entry = dict[str, Any]


class Dataset:
    """One data set of a grid; its test images are loaded when they are first needed.

    Args:
        name: in the plan.
        plan: where it lies.
        root: folder of all data sets.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it has no training or no test images.
    """

    def __init__(self, name: str, plan: DatasetPlan, root: Path) -> None:
        self.name, self.plan = name, plan
        self.path = root / Path(plan.path).expanduser()
        splits = load_datalist(self.path)
        for split in ("training", "test"):
            if not splits[split]:
                raise ValueError(
                    f"{self.path} has no {split} images, expected some: list them as {split} in dataset.json."
                )
        self.training, self._test = splits["training"], splits["test"]

    @cached_property
    def channels(self) -> int:
        """Of the images."""
        return int(load_images(self.training[:1])[0]["image"].shape[0])

    @cached_property
    def training_digest(self) -> str:
        """Tells one training split from another."""
        return digest_datalist(self.training)

    @cached_property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return load_images(self.training[:1])[0]["image"].ndim - 1

    def check_source(self, source: Dataset) -> None:
        """Refuse a source whose training images are among this data set's own: their labels would be known.

        Raises:
            ValueError: naming one of them.
        """
        own = {digest_datalist([entry], keys=("image",)) for entry in (*self.training, *self._test)}
        for entry in source.training:
            if digest_datalist([entry], keys=("image",)) in own:
                raise ValueError(
                    f"{entry['image']} is a training image of the source {source.name} and an image of {self.name} "
                    "too, expected other images: its label would be known."
                )

    @cached_property
    def test(self) -> list[Item]:
        """Test images with their labels."""
        return load_items(self._test)

    @cached_property
    def test_digest(self) -> str:
        """Tells one test split from another."""
        return digest_datalist(self._test)


def check_dimensions(plan: GridPlan, datasets: Mapping[str, Dataset]) -> None:
    """Refuse data sets whose number of dimensions is not that of the networks in whose cells they are.

    Raises:
        ValueError: naming the first, and where to set it.
    """
    for cells in plan.cells:
        synthetic = any(ARMS[arm].synthetic for arm in cells.arms)
        networks = {
            f"segmenters {name}": (SEGMENTER, plan.segmenters[name]) for name in cells.segmenters or plan.segmenters
        }
        if synthetic:
            generators = {name: plan.generators[name] for name in cells.generators}
            networks |= {f"generators {name}": (recipe.bundle, recipe.settings) for name, recipe in generators.items()}
        sources = [plan.datasets[name].source for name in cells.datasets if 0 in cells.labelled]
        for name in [*cells.datasets, *filter(None, sources)]:
            dims = datasets[name].spatial_dims
            for where, (bundle, settings) in networks.items():
                found = settings.get("spatial_dims", read_configs(bundle).get("spatial_dims"))
                if found != dims:
                    raise ValueError(
                        f"{where} has spatial_dims {found}, but {name} holds images of {dims} dimensions: set "
                        f"spatial_dims: {dims} there."
                    )


class Block:
    """Labelled images of a cell, and all that may be made of them: nothing here sees a test image.

    Args:
        dataset: of which some training images count as labelled, the others as unlabelled.
        labelled: their number, their share of the training split, or ``"all"``.
        seed: draws them; with a larger number the same ones come first.
        folder: for samplers, generators and segmenters.
        source: whose training labels stand in where `labelled` is 0.

    Raises:
        ValueError: if there are fewer training images, or none is labelled and there is no source.
    """

    def __init__(
        self, dataset: Dataset, labelled: int | float | str, seed: int, folder: Path, source: Dataset | None = None
    ) -> None:
        self.dataset, self.seed, self.root = dataset, seed, folder
        total = len(dataset.training)
        count = total if labelled == "all" else labelled
        count = math.ceil(count * total) if isinstance(count, float) else int(count)
        if count > total:
            raise ValueError(
                f"{dataset.path} has {total} training images, expected the {count} of labelled: set fewer, or all."
            )
        self.labelled: list[Entry] = choose_items(dataset.training, count, seed)
        if count == 0 and source is None:
            raise ValueError(f"no image of {dataset.path} is labelled, expected a source of labels: name one.")
        self.source = source if count == 0 else None
        kept = {entry["image"] for entry in self.labelled}
        self.unlabelled: list[Entry] = [
            {"image": entry["image"]} for entry in dataset.training if entry["image"] not in kept
        ]

    @cached_property
    def items(self) -> list[Item]:
        """Labelled images in memory."""
        return load_items(self.labelled)

    @cached_property
    def labels(self) -> list[Tensor]:
        """Of the labelled images; where there are none, of the source."""
        items = load_labels(self.source.training) if self.source else self.items
        return [item["label"] for item in items]

    @property
    def instances(self) -> bool:
        """Whether each value of the labels is an object of its own."""
        return (self.source or self.dataset).plan.instances

    @cached_property
    def digest(self) -> str:
        """Tells these labelled images from others; where there are none, the source's."""
        return self.source.training_digest if self.source else digest_datalist(self.labelled)

    @cached_property
    def unlabelled_digest(self) -> str:
        """Tells the images without labels from others."""
        return digest_datalist(self.unlabelled, keys=("image",))

    @cached_property
    def folder(self) -> Path:
        """For what is made of these labelled images alone."""
        return self.root / "trainings" / self.dataset.name / f"{len(self.labelled)}_seed{self.seed}_{self.digest[:8]}"

    def pairs(self) -> dict[str, Any]:
        """Give the labelled images as a bundle's data list."""
        return {"datalist": {"training": self.labelled, "validation": [], "test": []}}

    @cached_property
    def bank(self) -> Path:
        """File of an `InstanceBank` of the labelled objects; with their pixels if they are of the block's images."""
        path, images = self.folder / "bank.npz", [item["image"] for item in self.items] or None
        bank = InstanceBank.fit(self.labels, images, instances=self.instances, paste_images=images is not None)
        bank.save(path)
        return path

    @cached_property
    def procedural(self) -> Path:
        """File of `ProceduralNuclei`, fitted to the labels."""
        path = self.folder / "procedural.json"
        ProceduralNuclei.fit(self.labels, binary=not self.instances).save(path)
        return path

    def sampler(self, recipe: GeneratorPlan) -> dict[str, Any]:
        """Describe the mask sampler of a generator as configs do."""
        target: dict[str, Any]
        if recipe.masks == "bank":
            target = {"_target_": "monai_genaug.masks.bank.load_bank", "path": str(self.bank)}
        elif recipe.masks == "procedural":
            target = {"_target_": "monai_genaug.masks.procedural.load_procedural", "path": str(self.procedural)}
        else:
            target = {"_target_": "monai_genaug.masks.deformation.LabelDeformation", "instances": self.instances}
        return {**target, **recipe.mask_settings}
