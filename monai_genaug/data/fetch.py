"""Public sets of nuclei from the Broad Bioimage Benchmark Collection, from their official addresses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from monai_genaug._checks import check_choice
from monai_genaug.data._errors import FormatError
from monai_genaug.data.arrays import read_array
from monai_genaug.data.download import download, extract
from monai_genaug.data.splits import SPLITS, Item
from monai_genaug.data.writers import write_array, write_dataset

BROAD = "https://data.broadinstitute.org/bbbc"
COLLECTION = "Ljosa et al., Nature Methods 9, 637 (2012), https://doi.org/10.1038/nmeth.2083"


@dataclass(frozen=True)
class DatasetSource:
    """Where a public data set comes from, and on what terms.

    Attributes:
        name: what `fetch` calls it.
        title: what the set holds.
        page: the publisher's page.
        licence: of images and labels.
        cite: what to cite.
        archives: paths below the publisher's base address, with their SHA-256 digests where these are known.
        prepare: what makes the extracted folder usable for `load_datalist`.
    """

    name: str
    title: str
    page: str
    licence: str
    cite: tuple[str, ...]
    archives: Mapping[str, str | None]
    prepare: Callable[[Path, DatasetSource], None] | None = None


def fetch(
    name: str, folder: str | os.PathLike[str], *, base: str = BROAD, verify: bool = True, progress: bool = True
) -> DatasetSource:
    """Download a public data set and make it ready for ``load_datalist(folder)``.

    Can be stopped at any time and called again: what is complete is kept, everything else starts afresh.

    Args:
        name: "dsb2018" (BBBC038: 670 images of many kinds of nuclei, one mask for each; 83 MB) or "bbbc039" (200
            fluorescence images of 16 bit, with the publisher's split; 81 MB).
        folder: where the set goes.
        base: address below which the publisher's paths lie, for mirrors.
        verify: whether archives must have the digests known for the official files.
        progress: whether to show a progress bar.

    Returns:
        The set's source: print its licence and citations.

    Raises:
        ValueError: for an unknown name, a digest that differs, an unsafe archive or content that is not the set's.
        OSError: if the server cannot be reached or ends early: call again.

    Example:
        >>> fetch("mnist", "data")
        Traceback (most recent call last):
        ...
        ValueError: name is 'mnist', expected one of 'dsb2018', 'bbbc039'.
    """
    source = SOURCES[check_choice("name", name, SOURCES)]
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for path, digest in source.archives.items():
        target = root / Path(path).stem
        if not target.exists():
            archive = root / Path(path).name
            download(f"{base}/{path}", archive, sha256=digest if verify else None, progress=progress)
            extract(archive, target)
            for file in (archive, *root.glob(f".*-{archive.name}")):  # and what killed downloads left
                file.unlink()
    if source.prepare is not None and not (root / "dataset.json").exists():
        source.prepare(root, source)
    return source


def separate_values(values: np.ndarray) -> np.ndarray:
    """Number the objects of a map in which touching objects have different values, as BBBC039's masks.

    Args:
        values: (Y, X), integers, 0 = background; an object is a connected region (8 neighbours) of one value.

    Returns:
        Instance map (Y, X), uint16, numbered from 1 value by value.

    Raises:
        ValueError: if there are more than 65535 objects.

    Example:
        >>> separate_values(np.array([[1, 1, 2, 0, 1]]))
        array([[1, 1, 3, 0, 2]], dtype=uint16)
    """
    from scipy import ndimage

    instances = np.zeros(values.shape, np.int64)
    total = 0
    for value in np.unique(values[values > 0]):
        regions, found = ndimage.label(values == value, structure=np.ones((3, 3)))
        instances[regions > 0] = regions[regions > 0] + total
        total += found
    if total > np.iinfo(np.uint16).max:
        raise ValueError(f"the map has {total} objects, expected at most 65535: it does not look like nuclei.")
    return instances.astype(np.uint16)


def _prepare_bbbc039(root: Path, source: DatasetSource) -> None:
    """Write labels/*.png and, last, dataset.json with the publisher's split."""
    splits: dict[str, list[Item]] = {}
    for split in SPLITS:
        lines = (root / "metadata" / f"{split}.txt").read_text(encoding="utf-8").split()
        splits[split] = [_bbbc039_item(root, Path(line).stem) for line in lines]
    partial = root / ".labels.part"
    shutil.rmtree(partial, ignore_errors=True)
    for item in (item for items in splits.values() for item in items):
        colours, _ = read_array(root / "masks" / f"{item['group']}.png")
        write_array(partial / f"{item['group']}.png", separate_values(colours[0])[None])
    shutil.rmtree(root / "labels", ignore_errors=True)
    os.replace(partial, root / "labels")
    write_dataset(
        root,
        splits,
        name=source.name,
        licence=source.licence,
        source=source.page,
        cite="; ".join(source.cite),
        label="16-bit instance map, 0 = background",
    )


def _bbbc039_item(root: Path, stem: str) -> Item:
    """Item of one image of BBBC039."""
    for file in (root / "images" / f"{stem}.tif", root / "masks" / f"{stem}.png"):
        if not file.exists():
            raise FormatError(f"{file} is named in metadata/ but missing: delete {file.parent} and call fetch again.")
    return {"image": f"images/{stem}.tif", "label": f"labels/{stem}.png", "group": stem}


SOURCES: Mapping[str, DatasetSource] = MappingProxyType(
    {
        "dsb2018": DatasetSource(
            name="dsb2018",
            title="BBBC038v1, 2018 Data Science Bowl, stage 1 training set: 670 images of nuclei, one mask a nucleus",
            page="https://bbbc.broadinstitute.org/BBBC038",
            licence="CC0 1.0",
            cite=(
                "Caicedo et al., Nature Methods 16, 1247-1253 (2019), https://doi.org/10.1038/s41592-019-0612-7",
                COLLECTION,
            ),
            archives=MappingProxyType({"BBBC038/stage1_train.zip": None}),
        ),
        "bbbc039": DatasetSource(
            name="bbbc039",
            title="BBBC039v1, nuclei of U2OS cells in a chemical screen: 200 fluorescence images, 520 x 696, 16 bit",
            page="https://bbbc.broadinstitute.org/BBBC039",
            licence="CC0 1.0",
            cite=("Caicedo et al., Cytometry A 95, 952-965 (2019), https://doi.org/10.1002/cyto.a.23863", COLLECTION),
            archives=MappingProxyType(
                {
                    "BBBC039/images.zip": "6f30a5d4fe38c928ded972704f085975f8dc0d65d9aa366df00e5a9d449fddd7",
                    "BBBC039/masks.zip": "f9e6043d8ca56344a4886f96a700d804d6ee982f31e2b2cd3194af2a053c2710",
                    "BBBC039/metadata.zip": "a2c1f900bed9ba92a99553efd4c2ae98598433691c7401d818653ab61110deb2",
                }
            ),
            prepare=_prepare_bbbc039,
        ),
    }
)
