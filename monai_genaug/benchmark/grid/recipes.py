"""What each arm trains: a generator if it needs one, and a segmenter; the same for every family of generators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from monai.bundle import ConfigParser
from torch import Tensor

from monai_genaug._rng import derive_seed
from monai_genaug.benchmark.grid.block import Block, Entry
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.pairs import read_pairs, write_pairs
from monai_genaug.benchmark.grid.plan import ARMS, BASELINE, SOURCE, GeneratorPlan, GridPlan
from monai_genaug.benchmark.grid.store import digest_of_values
from monai_genaug.benchmark.grid.views import VIEWS, ViewedNetwork
from monai_genaug.benchmark.segmentation import Segmenter, train_segmenter
from monai_genaug.data import load_images
from monai_genaug.generators import BackgroundGenerator, EditingGenerator, load_generator, save_generator
from monai_genaug.generators.folders import find_bundle
from monai_genaug.networks import BackgroundBank
from monai_genaug.quality import AllGates, Gate, MaskFaithfulness, NearestNeighbourPrivacy
from monai_genaug.training.bundle import takes_pairs, train_bundle, training_seconds

if TYPE_CHECKING:
    from monai_genaug.training.progress import Progress

PAIRS = "pairs"  # folder of those that are written ahead, in the segmenter's
STRIDE = 64  # sizes that any segmenter of up to seven levels takes
Tell = Callable[[str], "Progress | None"]  # gives what shows the progress of a training by its name


class Made(NamedTuple):
    """A generator of a block.

    Args:
        folder: that `load_generator` takes.
        seconds: of its training.
        parameters: of its network.
    """

    folder: Path
    seconds: float
    parameters: int


class Kitchen:
    """Trains what the cells of a block need, each generator and each segmenter once.

    Args:
        plan: of the grid.
        block: whose labelled images are used.
        device: where to train.
        tell: shows the progress of a training.
    """

    def __init__(self, plan: GridPlan, block: Block, device: str, tell: Tell) -> None:
        self.plan, self.block, self.device, self.tell = plan, block, device, tell
        self._made: dict[tuple[str, str], Made] = {}
        self._gates: dict[Cell, AllGates] = {}

    def key(self, cell: Cell) -> str:
        """Give the digest of all that determines a cell's scores."""
        recipe = None if cell.generator is None else self.plan.generators[cell.generator]
        dataset = self.block.dataset
        return digest_of_values(
            {
                "labelled": self.block.digest,
                "unlabelled": self.block.unlabelled_digest if recipe and recipe.sees_unlabelled else None,
                "test": dataset.test_digest,
                "instances": dataset.plan.instances,
                "view": dataset.plan.view if ARMS[cell.arm].foreign else None,
                "tolerance": self.plan.tolerance,
                "seed": cell.seed,
                "segmenter": self.plan.segmenters[cell.segmenter],
                "arm": ARMS[cell.arm]._asdict(),
                "share": cell.share,
                "generator": None if recipe is None else vars(recipe),
            }
        )

    def generator(self, name: str, segmenter: str) -> Made:
        """Give a generator of the plan, trained on the block's images if it is not yet.

        Args:
            name: of the generator.
            segmenter: that finds objects in images without labels, where the generator writes into these.
        """
        if (name, segmenter) not in self._made:
            self._made[name, segmenter] = self._make(name, segmenter)
        return self._made[name, segmenter]

    def _make(self, name: str, segmenter: str) -> Made:
        recipe = self.plan.generators[name]
        trained = self._train(name, recipe)
        if recipe.writes == "images":
            return trained
        editor = EditingGenerator(load_generator(trained.folder))
        folder = trained.folder.with_name(f"{trained.folder.name}_{recipe.writes}")
        if recipe.writes == "edits":
            return trained._replace(folder=save_generator(folder, editor))
        images = [item["image"] for item in load_images(self.block.unlabelled)]
        finder = self.baseline(segmenter)
        bank = BackgroundBank.fit(
            [*images, *(item["image"] for item in self.block.items)],
            [*map(finder.predict, images), *(item["label"] for item in self.block.items)],
        )
        return trained._replace(
            folder=save_generator(folder.with_name(f"{folder.name}_{segmenter}"), BackgroundGenerator(editor, bank))
        )

    def segmenter(self, cell: Cell) -> Segmenter:
        """Give the segmenter of a cell, trained if it is not yet: its last step, whatever it scores."""
        entries, dataset = self.block.labelled, self.block.dataset
        if ARMS[cell.arm].foreign and self.block.source is not None:
            entries, dataset = self.block.source.training, self.block.source
        elif ARMS[cell.arm].alone:
            entries = self._pairs(cell)
        settings = {
            **self.plan.segmenters[cell.segmenter],
            **self.augmentation(cell),
            "image_channels": dataset.channels,
        }
        trained = train_segmenter(
            entries,
            settings,
            output_dir=self.segmenter_folder(cell),
            seed=cell.seed,
            device=self.device,
            progress=self.tell(cell.title),
        )
        return trained._replace(view=self.view(cell))

    def view(self, cell: Cell) -> Callable[[Tensor], Tensor] | None:
        """Give how a cell's segmenter is shown the images of the data set."""
        return VIEWS[self.block.dataset.plan.view] if ARMS[cell.arm].foreign else None

    def _pairs(self, cell: Cell) -> list[Entry]:
        """Give the pairs of a cell whose segmenter sees no real image; they lie beside it."""
        assert cell.generator is not None
        recipe = self.plan.generators[cell.generator]
        sampler = ConfigParser({"sampler": self.block.sampler(recipe)}).get_parsed_content("sampler")
        return write_pairs(
            self.segmenter_folder(cell) / PAIRS,
            self.generator(cell.generator, cell.segmenter).folder,
            sampler,
            self.block.items or load_images(self.block.unlabelled),
            count=recipe.pairs,
            seed=cell.seed,
            device=self.device,
            accept=self._gate(cell, recipe),
            progress=self.tell(f"{cell.title}: pairs"),
        )

    def segmenter_folder(self, cell: Cell) -> Path:
        """Give where the segmenter of a cell is trained."""
        return self.block.folder / "segmenters" / self.key(cell)

    def augmentation(self, cell: Cell) -> dict[str, Any]:
        """Give the settings of bundles/nuclei_unet in which the arms differ, and nothing else."""
        arm = ARMS[cell.arm]
        settings: dict[str, Any] = {"classic": arm.classic}
        if arm.pasted:
            paste = {
                "_target_": "monai_genaug.transforms.paste.CopyPasted",
                "keys": "image",
                "label_key": "label",
                "bank": str(self.block.bank),
                "prob": cell.share,
            }
            settings["train#generative_transforms"] = [paste]
        if cell.generator is not None and not arm.alone:
            made = self.generator(cell.generator, cell.segmenter)
            recipe = self.plan.generators[cell.generator]
            settings |= {
                "generator": str(made.folder),
                "genaug_prob": cell.share,
                "mask_sampler": self.block.sampler(recipe),
                "accept": self._gate(cell, recipe),
            }
        return settings

    def baseline(self, segmenter: str) -> Segmenter:
        """Give the segmenter that labelled images alone were used for; where there are none, the source's."""
        arm = BASELINE if self.block.source is None else SOURCE
        return self.segmenter(Cell(*self.block_name, segmenter, arm, None, 0.0))

    def acceptance(self, cell: Cell) -> tuple[float | None, float | None]:
        """Give the share of images that a cell's gates let through in this process, and the share of wanted pairs for
        which there was one; None if none was judged."""
        gate = self._gates.get(cell)
        if gate is None:
            return None, None
        rate = gate.rate if gate.seen else None
        if ARMS[cell.arm].alone and cell.generator is not None:  # told by what lies there, whoever wrote it
            written = len(read_pairs(self.segmenter_folder(cell) / PAIRS))
            return rate, written / self.plan.generators[cell.generator].pairs
        return rate, gate.filled / gate.requested if gate.requested else None

    def _gate(self, cell: Cell, recipe: GeneratorPlan) -> AllGates | None:
        """Give what refuses synthetic images of a generator; it knows the images that the generator saw."""
        gates: list[Gate] = []
        if recipe.least_dice is not None:
            reader = self.baseline(cell.segmenter)
            network = reader.network if reader.view is None else ViewedNetwork(reader.network, reader.view)
            gates.append(MaskFaithfulness(network, least_dice=recipe.least_dice, stride=STRIDE))
        if recipe.least_distance is not None:
            seen = [*self.block.labelled, *(self.block.unlabelled if recipe.sees_unlabelled else [])]
            images = [item["image"] for item in load_images(seen)]
            gates.append(NearestNeighbourPrivacy(images, least_distance=recipe.least_distance))
        if not gates:
            return None
        self._gates[cell] = AllGates(gates)
        return self._gates[cell]

    @property
    def block_name(self) -> tuple[str, int, int]:
        """Data set, number of labelled images and seed, as a cell begins."""
        return self.block.dataset.name, len(self.block.labelled), self.block.seed

    def _train(self, name: str, recipe: GeneratorPlan) -> Made:
        """Train a bundle on the block's images; what is written with it afterwards does not count."""
        data = self._data(recipe)
        told = {name: getattr(recipe, name) for name in ("bundle", "settings", "unlabelled")}
        told["masks"] = [recipe.masks, recipe.mask_settings] if "mask_sampler" in data else None
        unlabelled = self.block.unlabelled_digest if recipe.unlabelled else None
        key = digest_of_values([told, self.block.digest, unlabelled, self.block.seed])[:8]
        overrides = {
            **recipe.settings,
            **data,
            "image_channels": self.block.dataset.channels,
            "output_dir": str(self.block.folder / "generators" / f"{find_bundle(recipe.bundle).name}_{key}"),
            "seed": derive_seed(self.block.seed, "generator") % 2**32,
            "device": self.device,
            "tensorboard": False,
        }
        dataset, labelled, seed = self.block_name
        title = f"{dataset}, {labelled} labelled, seed {seed}: {name}"
        parser = train_bundle(recipe.bundle, overrides, progress=self.tell(title))
        folder = Path(overrides["output_dir"])
        parameters = sum(part.numel() for part in load_generator(folder).parameters())
        return Made(folder, training_seconds(parser), parameters)

    def _data(self, recipe: GeneratorPlan) -> dict[str, Any]:
        """Give a bundle the labelled images, and the others if it may see them, as pairs or as lists that do not belong
        together, whatever it takes."""
        block = self.block
        if takes_pairs(recipe.bundle):
            if not recipe.unlabelled:
                return block.pairs()
            return {**block.pairs(), "unlabelled": block.unlabelled, "mask_sampler": block.sampler(recipe)}
        images = [{"image": entry["image"]} for entry in block.labelled]
        labels = [{"label": entry["label"]} for entry in block.labelled]
        images += block.unlabelled if recipe.unlabelled else []
        return {"images": images, "masks": labels, "mask_sampler": block.sampler(recipe)}
