"""What a grid has trained, found in its output folder: nothing is trained here."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from monai_genaug.benchmark.grid.block import Entry
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.pairs import read_pairs
from monai_genaug.benchmark.grid.recipes import PAIRS, Kitchen
from monai_genaug.generators import ConditionalGenerator, load_generator
from monai_genaug.generators.folders import WEIGHTS_FILE, digest_generator, is_generator
from monai_genaug.training.segmenter import Segmenter, load_segmenter


def find_segmenter(kitchen: Kitchen, cell: Cell) -> Segmenter | None:
    """Load the segmenter of a cell that has a result; None if its folder is gone.

    Args:
        kitchen: of the cell's block.
        cell: that has been scored, so that its training has ended.

    Raises:
        ValueError: if its weights are damaged.
    """
    folder = kitchen.segmenter_folder(cell)
    if not (folder / WEIGHTS_FILE).is_file():
        return None
    return load_segmenter(folder, kitchen.device)._replace(view=kitchen.view(cell))


def find_generator(kitchen: Kitchen, cell: Cell) -> ConditionalGenerator | None:
    """Load the generator with which a cell's segmenter was trained, told by the digest in the segmenter's checkpoint.

    Where it was trained on pairs that were written ahead, these tell the digest.

    Args:
        kitchen: of the cell's block.
        cell: that has been scored.

    Returns:
        The generator; None if it, or the checkpoint, is gone.

    Raises:
        ValueError: if the checkpoint or the generator is damaged.
    """
    file, pairs = kitchen.segmenter_folder(cell) / "checkpoint.pt", find_pairs(kitchen, cell)
    if not file.is_file():
        return None
    digest = pairs[0]["generator"] if pairs else _digest_in(file)
    folders = sorted((kitchen.block.folder / "generators").glob("*"))
    found = [folder for folder in folders if is_generator(folder) and digest_generator(folder) == digest]
    return load_generator(found[0], kitchen.device) if found else None


def find_pairs(kitchen: Kitchen, cell: Cell) -> list[Entry]:
    """List the pairs that were written ahead for a cell; none where its segmenter saw real images.

    Args:
        kitchen: of the cell's block.
        cell: that has been scored.
    """
    return read_pairs(kitchen.segmenter_folder(cell) / PAIRS)


def _digest_in(checkpoint: Path) -> str:
    """Read which generator a training used."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return str(json.loads(state["identity"])["settings"]["generator"])
    except Exception as error:  # torch raises many types here; each means that the file cannot be used
        raise ValueError(
            f"{checkpoint} cannot be read, it may be truncated: delete its folder and the cell to train it again. "
            f"({type(error).__name__})"
        ) from error
