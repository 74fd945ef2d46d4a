"""Fitting mask samplers to a data set."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_genaug._checks import check_choice
from monai_genaug._rng import derive_seed
from monai_genaug.data import load_items, load_labels
from monai_genaug.masks import InstanceBank, ProceduralLesions, ProceduralNuclei

KINDS = ("bank", "nuclei", "lesions")
SHOWN = 6


def fit_masks(
    kind: str,
    entries: Sequence[Mapping[str, Any]],
    path: str | os.PathLike[str],
    *,
    classes: bool = False,
    pixels: bool = False,
    binary: bool = False,
    picture: bool = True,
) -> Path:
    """Fit a mask sampler to the labels of a data list and save it, with a picture of real and of sampled labels.

    Args:
        kind: ``"bank"`` (`InstanceBank`), ``"nuclei"`` (`ProceduralNuclei`) or ``"lesions"`` (`ProceduralLesions`).
        entries: of `load_datalist`, or with labels alone.
        path: of the file that `load_bank`, `load_procedural` or `load_lesions` read; the picture is ``.png`` beside it.
        classes: of a bank: label values are classes, and not numbers of objects.
        pixels: of a bank: keep the objects' pixels too, as `CopyPasted` needs them.
        binary: of a bank and of nuclei: labels hold 0 and 1 alone, each connected piece is an object, and new labels
            hold 0 and 1 too.
        picture: whether to write the picture.

    Returns:
        The path of the sampler.

    Raises:
        ValueError: for another kind, an option that it does not have, or labels without objects.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import load_datalist
        >>> from monai_genaug.phantoms import write_nuclei_dataset
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = write_nuclei_dataset(folder, counts={"training": 2}, spatial_size=(64, 64))
        ...     entries = load_datalist(file, fractions=(1, 0, 0))["training"]
        ...     fit_masks("nuclei", entries, f"{folder}/nuclei.json").name
        'nuclei.json'
    """
    check_choice("kind", kind, KINDS)
    path = Path(path)
    if kind != "bank" and (classes or pixels):
        raise ValueError(f"classes and pixels are options of a bank, kind is {kind!r}: leave them out.")
    if kind == "lesions" and binary:
        raise ValueError(
            "binary is an option of a bank and of nuclei; lesions are connected pieces anyway: leave it out."
        )
    wanted = ".npz" if kind == "bank" else ".json"
    if path.suffix != wanted:
        raise ValueError(f"{path.name} would hold {kind}, expected a name that ends with {wanted}.")
    images = [item["image"] for item in load_items(entries)] if pixels else None
    labels = [item["label"] for item in load_labels(entries)]
    sampler: InstanceBank | ProceduralNuclei | ProceduralLesions
    if kind == "bank":
        sampler = InstanceBank.fit(
            labels, images, instances=not (classes or binary), paste_images=pixels, binary=binary
        )
    else:
        sampler = ProceduralNuclei.fit(labels, binary=binary) if kind == "nuclei" else ProceduralLesions.fit(labels)
    sampler.save(path)
    if picture:
        from monai_genaug.pictures import write_grid

        shown = labels[:: max(1, len(labels) // SHOWN)][:SHOWN]
        seeds = [derive_seed(0, "shown", number) % 2**32 for number in range(2 * len(shown))]
        made = [sampler.set_random_state(seed=seed)(shown[row % len(shown)]) for row, seed in enumerate(seeds)]
        write_grid(path.with_suffix(".png"), [[*row] for row in zip(shown, made, made[len(shown) :], strict=False)])
    return path
