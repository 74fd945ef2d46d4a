"""What a store knows of its samples: one small file for each batch, written when all its samples are there."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_genaug._files import replacing
from monai_genaug.data.digest import hash_file

logger = logging.getLogger(__name__)
Sample = dict[str, Any]
FOLDER = "records"
FILES, KEYS = ("image", "label"), ("index", "seed", "group", "bytes", "sha256")


def describe_files(folder: Path, image: Path, label: Path) -> Sample:
    """Give names, sizes and hashes of a sample's files, as records hold them.

    Args:
        folder: of the store.
        image: of the sample, in it.
        label: likewise.
    """
    files = (image, label)
    return {
        **{key: file.relative_to(folder).as_posix() for key, file in zip(FILES, files, strict=True)},
        "bytes": [file.stat().st_size for file in files],
        "sha256": [hash_file(file).hex() for file in files],
    }


def write_record(folder: Path, batch: int, samples: Sequence[Sample]) -> None:
    """Write that a batch is done; not before all its files are there."""
    with replacing(_record_file(folder, batch)) as hidden:
        lines = ",\n".join(json.dumps(sample) for sample in samples)
        hidden.write_text(f'{{"samples": [\n{lines}\n]}}\n', encoding="utf-8")


def read_record(folder: Path, batch: int, numbers: Sequence[int], *, verify: bool = False) -> list[Sample] | None:
    """Give the samples of a batch that is done.

    Args:
        folder: of the store.
        batch: its number.
        numbers: of the samples that it must hold; what it holds beside them is left out.
        verify: whether to compare what files hold; else that they are there and their sizes.

    Returns:
        The samples by number; None if the batch is not done, or something is damaged, which the log says.
    """
    file = _record_file(folder, batch)
    if not file.is_file():
        return None
    samples = _read_samples(file)
    found = [samples[number] for number in numbers if number in samples]
    damages = [_find_damage(folder, sample, verify) for sample in found] if samples else [f"{file} is damaged"]
    for damage in filter(None, damages):
        logger.warning("%s: its batch is made again.", damage)
        return None
    return found if len(found) == len(numbers) else None  # it was the last one, and is to become longer


def count_recorded(folder: Path) -> int:
    """Give one more than the number of the last sample that any record holds; 0 without records."""
    files = sorted((folder / FOLDER).glob("[0-9]*.json"), key=lambda file: -int(file.stem))
    return next((1 + max(held) for file in files if (held := _read_samples(file))), 0)


def digest_samples(samples: Iterable[Mapping[str, Any]]) -> str:
    """Hash numbers and files of samples in their order; 64 hexadecimal digits.

    Example:
        >>> digest_samples([{"index": 0, "refused": True}]) == digest_samples([])
        True
    """
    digest = hashlib.sha256()
    for sample in samples:
        if "refused" not in sample:
            digest.update(f"{sample['index']} {' '.join(sample['sha256'])}\n".encode())
    return digest.hexdigest()


def _record_file(folder: Path, batch: int) -> Path:
    return folder / FOLDER / f"{batch:06d}.json"


def _read_samples(file: Path) -> dict[int, Sample]:
    """Give the samples of a record by number; none where it is damaged."""
    try:
        samples = json.loads(file.read_text(encoding="utf-8"))["samples"]
        whole = all(sample.get("refused") or {*FILES, *KEYS} <= sample.keys() for sample in samples)
        return {int(sample["index"]): sample for sample in samples} if whole else {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _find_damage(folder: Path, sample: Sample, verify: bool) -> str | None:
    """Say what is wrong with the files of a sample."""
    if sample.get("refused"):
        return None
    for key, size, found in zip(FILES, sample["bytes"], sample["sha256"], strict=True):
        file = folder / sample[key]
        if not file.is_file():
            return f"{file} is missing"
        if file.stat().st_size != size:
            return f"{file} has {file.stat().st_size} bytes instead of {size}"
        if verify and hash_file(file).hex() != found:
            return f"{file} does not hold what was written"
    return None
