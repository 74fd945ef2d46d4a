"""What a grid of experiments compares, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from monai_genaug._checks import check_at_least, check_choice, check_probability
from monai_genaug.benchmark.grid.entries import as_mapping, check_entry, check_types, make_entry
from monai_genaug.benchmark.grid.samplers import SAMPLERS, sampler_types
from monai_genaug.benchmark.grid.views import VIEWS
from monai_genaug.benchmark.plan import check_keys, check_list, check_overrides, check_whole
from monai_genaug.benchmark.segmentation import SEGMENTER
from monai_genaug.training.bundle import takes_pairs, takes_unlabelled, trains_generator


class Arm(NamedTuple):
    """How training images are augmented.

    Args:
        classic: by flips and quarter turns.
        pasted: a share of the crops gets real objects of the labelled images.
        synthetic: a share of the crops is replaced by synthetic pairs.
        alone: all crops are: the segmenter sees no real image.
        foreign: the labelled images of the data set's source take the place of its own.
    """

    classic: bool
    pasted: bool = False
    synthetic: bool = False
    alone: bool = False
    foreign: bool = False


BASELINE, CONTROL, SOURCE = "classic", "copy_paste", "source"
ARMS = {
    "none": Arm(classic=False),
    BASELINE: Arm(classic=True),
    CONTROL: Arm(classic=True, pasted=True),
    "genaug": Arm(classic=False, synthetic=True),
    "classic+genaug": Arm(classic=True, synthetic=True),
    "synthetic_only": Arm(classic=True, synthetic=True, alone=True),
    SOURCE: Arm(classic=True, foreign=True),
}
WITHOUT_LABELS = ("synthetic_only", SOURCE)  # arms that need no labelled image of the data set
WRITES = ("images", "edits", "backgrounds")
GIVEN = (  # what the benchmark sets itself
    *("dataset_dir", "masks_dir", "unlabelled_dir", "output_dir", "datalist", "images", "masks", "unlabelled", "shown"),
    *("seed", "device", "resume", "image_channels", "tensorboard", "is_main", "mask_sampler"),
)
ARM = ("generator", "genaug_prob", "genaug_way", "classic", "accept")  # and for segmenters, in which arms differ


@dataclass(frozen=True, kw_only=True)
class DatasetPlan:
    """A data set of the grid.

    Args:
        path: what `load_datalist` understands; if it is relative, in the folder of all data sets.
        instances: whether each value of a label is an object of its own; else each connected piece of a value is.
        source: another data set of the plan, whose training labels stand in where no image of this one is labelled.
        view: how a network that was trained on the source is shown this one's images, of `VIEWS`.
    """

    path: str
    instances: bool = True
    source: str | None = None
    view: str = "same"

    def __post_init__(self) -> None:
        check_choice("view", self.view, VIEWS)
        if self.source is None and self.view != "same":
            raise ValueError(f"data set {self.path} has the view {self.view} but no source, whose network it is for.")


@dataclass(frozen=True, kw_only=True)
class GeneratorPlan:
    """How a generator is trained and used.

    Args:
        bundle: that trains it.
        settings: overrides of the bundle.
        unlabelled: whether it also sees the training split's other images, without their labels, if there are any.
        masks: where new masks come from: ``"bank"`` (`InstanceBank`), ``"procedural"`` (`ProceduralNuclei`), both
            fitted to the cell's labels, or ``"deformation"`` (`LabelDeformation`).
        mask_settings: of that sampler, such as ``{"scale": [1.2, 1.7]}``.
        writes: ``"images"``; ``"edits"`` (`EditingGenerator`); or ``"backgrounds"`` (`BackgroundGenerator`, of the
            labelled images and of those without labels, in which the segmenter of the baseline finds the objects).
        least_dice: of the mask and what the baseline's segmenter finds in a synthetic image (`MaskFaithfulness`), or it
            is drawn again; None: whatever it is.
        least_distance: of a synthetic image to the images that the generator saw (`NearestNeighbourPrivacy`), likewise.
        pairs: number of those that are written ahead for `synthetic_only`.
    """

    bundle: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    unlabelled: bool = False
    masks: str = "bank"
    mask_settings: Mapping[str, Any] = field(default_factory=dict)
    writes: str = "images"
    least_dice: float | None = None
    least_distance: float | None = None
    pairs: int = 160

    @property
    def sees_unlabelled(self) -> bool:
        """Whether images without labels have a part in what it makes."""
        return self.unlabelled or self.writes == "backgrounds"

    def __post_init__(self) -> None:
        check_choice("masks", self.masks, SAMPLERS)
        known = sampler_types(self.masks)
        check_keys(self.mask_settings, known, f"mask_settings of masks {self.masks}")
        check_types(self.mask_settings, known, f"mask_settings of masks {self.masks}")
        check_whole("pairs", self.pairs)
        check_choice("writes", self.writes, WRITES)
        if self.least_dice is not None:
            check_probability("least_dice", self.least_dice)
        if self.least_distance is not None:
            check_at_least(0, least_distance=self.least_distance)


@dataclass(frozen=True, kw_only=True)
class CellsPlan:
    """Cells that are run: all combinations of what is listed.

    Args:
        datasets: names.
        labelled: numbers of labelled images, shares of the training split below 1, or ``"all"``; 0 where the data set
            has a source.
        arms: of `ARMS`; those of `WITHOUT_LABELS` for 0.
        generators: names, for arms that use one.
        shares: of the crops that are replaced, for arms that replace some.
        segmenters: names; by default all.
        seeds: by default the plan's.
    """

    datasets: Sequence[str]
    labelled: Sequence[int | float | str]
    arms: Sequence[str]
    generators: Sequence[str] = ()
    shares: Sequence[float] = (0.3,)
    segmenters: Sequence[str] = ()
    seeds: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class GridPlan:
    """A grid of experiments.

    Args:
        datasets: by name.
        generators: by name.
        segmenters: overrides of bundles/nuclei_unet, by name.
        seeds: each draws its own labelled images, weights, crops and synthetic pairs.
        cells: in the order in which they are run, the most telling first.
        tolerance: of the normalised surface distance, voxels.

    Raises:
        ValueError: if an entry is of the wrong kind or out of its range, or names what is not there.
    """

    datasets: Mapping[str, DatasetPlan]
    segmenters: Mapping[str, Mapping[str, Any]]
    cells: Sequence[CellsPlan]
    generators: Mapping[str, GeneratorPlan] = field(default_factory=dict)
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    tolerance: float = 2.0

    def __post_init__(self) -> None:
        check_list("seeds", self.seeds, 0)
        check_at_least(0, tolerance=self.tolerance)
        for name, entries in (("seeds", self.seeds), ("datasets", self.datasets), ("segmenters", self.segmenters)):
            if not entries:
                raise ValueError(f"{name} is empty, expected at least one: list some.")
        for name, dataset in self.datasets.items():
            if dataset.source is not None and (dataset.source == name or dataset.source not in self.datasets):
                raise ValueError(
                    f"data set {name} has the source {dataset.source!r}, expected another data set of the plan: "
                    "list it under datasets."
                )
        for name, overrides in self.segmenters.items():
            check_overrides(f"segmenter {name}", SEGMENTER, overrides, (*GIVEN, *ARM))
        for name, plan in self.generators.items():
            check_overrides(f"generator {name}", plan.bundle, plan.settings, GIVEN)
            if not trains_generator(plan.bundle):
                raise ValueError(
                    f"generator {name} has the bundle {plan.bundle}, which trains no generator: name another."
                )
            if plan.unlabelled and not takes_unlabelled(plan.bundle):
                raise ValueError(
                    f"generator {name} has unlabelled: true, but the bundle {plan.bundle} learns from pairs alone: set "
                    "it to false, or name another bundle."
                )
        for cells in self.cells:
            self._check_cells(cells)

    def _check_cells(self, cells: CellsPlan) -> None:
        for names, known, what in (
            (cells.datasets, self.datasets, "a data set of cells"),
            (cells.arms, ARMS, "an arm"),
            (cells.generators, self.generators, "a generator of cells"),
            (cells.segmenters, self.segmenters, "a segmenter of cells"),
        ):
            for name in names:
                check_choice(what, name, known)
        for what in ("datasets", "labelled", "arms", "shares"):
            if not getattr(cells, what):
                raise ValueError(f"cells have an empty list of {what}, expected at least one entry: list some.")
        check_list("seeds of cells", cells.seeds, 0)
        for share in cells.shares:
            if isinstance(share, str):
                raise ValueError(f"shares has {share!r}, expected numbers from 0 to 1, such as 0.3.")
            check_probability("an entry of shares", share)
        for labelled in cells.labelled:
            _check_labelled(labelled)
            if labelled == 0:
                self._check_unlabelled(cells)
            elif SOURCE in cells.arms:
                raise ValueError(f"cells have the arm {SOURCE} with labelled {labelled!r}, expected 0: list it apart.")
        if not cells.generators and any(ARMS[arm].synthetic for arm in cells.arms):
            raise ValueError("cells have an arm with synthetic images, but no generators: list some.")

    def _check_unlabelled(self, cells: CellsPlan) -> None:
        """Refuse what needs a labelled image where there is none."""
        for arm in cells.arms:
            check_choice("an arm of cells with labelled 0", arm, WITHOUT_LABELS)
        for name in cells.datasets:
            if self.datasets[name].source is None:
                raise ValueError(
                    f"cells have labelled 0, but data set {name} has no source of labels: name another data set there."
                )
        for name in cells.generators:
            plan = self.generators[name]
            if not plan.unlabelled or plan.writes != "images" or takes_pairs(plan.bundle):
                raise ValueError(
                    f"generator {name} needs labelled images, but cells have labelled 0: expected a bundle of unpaired "
                    "images and masks with unlabelled: true and writes: images."
                )
            if plan.masks == "deformation":
                raise ValueError(
                    f"generator {name} has masks: deformation, which bends labels that are not there where labelled is "
                    "0: set masks: bank or procedural."
                )

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> GridPlan:
        """Make a plan of what a YAML file says.

        Args:
            content: of `choose_setting`.

        Raises:
            ValueError: for an unknown entry, a missing one, or one out of its range.

        Example:
            >>> GridPlan.of({"datasets": {"a": "folder"}, "segmenters": {"unet": {}}, "cell": []})
            Traceback (most recent call last):
                ...
            ValueError: the plan has the unknown entry 'cell', did you mean 'cells'? ...
        """
        check_entry(cls, content, "the plan")
        datasets = {
            name: DatasetPlan(path=entry)
            if isinstance(entry, str)
            else make_entry(DatasetPlan, entry, f"data set {name}")
            for name, entry in as_mapping(content["datasets"], "datasets").items()
        }
        generators = {
            name: make_entry(GeneratorPlan, entry, f"generator {name}")
            for name, entry in as_mapping(content.get("generators") or {}, "generators").items()
        }
        segmenters = {
            name: as_mapping(entry or {}, f"segmenter {name}")
            for name, entry in as_mapping(content["segmenters"], "segmenters").items()
        }
        if not content["cells"]:
            raise ValueError("cells is empty, expected a list of mappings with datasets, labelled, arms.")
        cells = [make_entry(CellsPlan, entry, f"cells[{number}]") for number, entry in enumerate(content["cells"])]
        made = {"datasets": datasets, "generators": generators, "segmenters": segmenters, "cells": cells}
        return cls(**{**content, **made})


def _check_labelled(value: Any) -> None:
    if value == "all" or (isinstance(value, float) and 0 < value < 1):
        return
    if isinstance(value, float | str):
        raise ValueError(f"labelled has {value!r}, expected a number of images, a share between 0 and 1, or all.")
    check_whole("an entry of labelled", value, 0)
