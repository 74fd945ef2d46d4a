"""What benchmarks/families.py compares: trained generators by name, what their folders say, and their images."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from benchmarks._common import synthesise
from monai_genaug import ConditionalGenerator, load_generator
from monai_genaug.data import replacing
from monai_genaug.generators import build_generator, describe_generator
from monai_genaug.generators.folders import METADATA_FILE, WEIGHTS_FILE, digest_generator, find_generator

SEEDS = (1000, 2000)  # two images of each mask; the first is that of benchmarks/nuclei_faithfulness.py
Items = list[dict[str, Any]]


class Family(NamedTuple):
    """A trained generator under a name of its own.

    Args:
        name: in tables and file names.
        folder: of the generator.
        changes: arguments of the generator that are not those of its configs/network.yaml, such as ``{"steps": 20}``.
    """

    name: str
    folder: Path
    changes: dict[str, Any]

    @property
    def digest(self) -> str:
        """Hash what determines the images."""
        text = json.dumps([digest_generator(self.folder), self.changes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def load(self, device: str = "cpu") -> ConditionalGenerator:
        """Load the generator; ValueError where it has no such arguments."""
        generator = load_generator(self.folder, device)
        if not self.changes:
            return generator
        config = describe_generator(generator)
        config["generator"] |= self.changes
        changed = build_generator(config)
        changed.get_submodule("network").load_state_dict(generator.get_submodule("network").state_dict())
        return changed.to(device).eval()


def parse_family(text: str) -> Family:
    """Read ``NAME=FOLDER`` or ``NAME=FOLDER@steps=20,solver=euler``; argparse's own error for what cannot be loaded."""
    name, _, place = text.partition("=")
    folder, _, changes = place.partition("@")
    if not re.fullmatch(r"\w[\w.-]*", name) or not folder:
        raise argparse.ArgumentTypeError(
            f"{text!r} names no generator, expected NAME=FOLDER, such as pix2pix=bundles/nuclei_pix2pix."
        )
    pairs = [part.partition("=") for part in changes.split(",") if part]
    if not all(key and value for key, _, value in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} changes {changes!r}, expected KEY=VALUE, such as @steps=20.")
    try:
        family = Family(name, find_generator(folder), {key: yaml.safe_load(value) for key, _, value in pairs})
        family.load()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error
    return family


def describe(family: Family) -> dict[str, Any]:
    """Tell the size of a generator, and what its folder says of its training, which may be nothing."""
    generator, weights = family.load(), family.folder / WEIGHTS_FILE
    metadata = family.folder / METADATA_FILE
    state = torch.load(weights, map_location="cpu", weights_only=True)
    types = {str(value.dtype).removeprefix("torch.") for value in state.values() if value.is_floating_point()}
    return {
        "generator": describe_generator(generator)["generator"],
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "weights_megabytes": weights.stat().st_size / 1e6,
        "weights_types": sorted(types),
        "training": json.loads(metadata.read_text()).get("training", {}) if metadata.is_file() else {},
    }


def make_images(
    family: Family, items: Items, folder: Path, *, device: str, progress: Callable[[int, int, dict[str, float]], None]
) -> tuple[list[Items], float]:
    """Make an image of each mask and each of `SEEDS`, or read those that an earlier run left.

    Args:
        family: whose images.
        items: with the masks.
        folder: for the images, a file for each mask.
        device: where to make them.
        progress: called after each mask as ``progress(done, total, {})``.

    Returns:
        For each seed the items with its images, and the seconds that making all of them took.
    """
    generator = family.load(device)
    made: list[Items] = [[] for _ in SEEDS]
    seconds = 0.0
    for number, item in enumerate(items):
        path = folder / f"{number:03d}.pt"
        if not path.is_file():
            start = time.perf_counter()
            images = [synthesise(generator, [item], seed + number)[0]["image"].cpu() for seed in SEEDS]
            with replacing(path) as hidden:
                torch.save({"images": images, "seconds": time.perf_counter() - start}, hidden)
        kept = torch.load(path, weights_only=True)
        seconds += kept["seconds"]
        for row, image in zip(made, kept["images"], strict=True):
            row.append({**item, "image": image})
        progress(number + 1, len(items), {})
    return made, seconds
