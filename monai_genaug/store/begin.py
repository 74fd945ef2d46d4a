"""The beginning of a run: one run a folder, only with the settings of what is there, and what is still to be made."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from monai_genaug.store.batches import Maker
from monai_genaug.store.checks import check_drawn, check_masks
from monai_genaug.store.manifest import begin_manifest, goes_on
from monai_genaug.store.processes import Processes
from monai_genaug.store.records import read_record

LEFT_OVER = re.compile(r"\.\d+-\d+-.+")  # hidden files of `replacing`, of a process that was killed


@contextmanager
def begun(
    folder: Path,
    processes: Processes,
    maker: Maker,
    settings: Mapping[str, Any],
    made_of: Mapping[str, Any],
    *,
    count: int,
    verify: bool,
) -> Iterator[list[int]]:
    """Let the first process check a folder and keep other runs from it, and tell all what is missing.

    Args:
        folder: of the store.
        processes: that share the work.
        maker: of the samples.
        settings: all that determines a sample beside its number.
        made_of: see `begin_manifest`.
        count: samples that the store is to have.
        verify: see `read_record`.

    Returns:
        A context that gives the batches that are to be made.

    Raises:
        ValueError: if another run writes to the folder, or it holds something else.
    """
    with ExitStack() as stack:
        told: dict[str, Any] | None = None
        failure: Exception | None = None
        if processes.rank == 0:
            try:
                stack.enter_context(_sole_writer(folder))
                pending = _begin(folder, maker, settings, made_of, count, verify)
                told = {"settings": settings, "pending": pending}
            except Exception as error:  # is raised when the others know that there is nothing to wait for
                failure = error
        told = processes.share(told)
        if failure is not None:
            raise failure
        place = f"process {processes.rank} of {processes.count} (counted from 0)"
        if told is None:
            raise ValueError(f"{place} stops, as the first one could not begin: see what that said.")
        if told["settings"] != settings:
            raise ValueError(
                f"{place} has other settings or files than the first: start all with one command, where they see the "
                "same files."
            )
        yield told["pending"]


def _begin(
    folder: Path, maker: Maker, settings: Mapping[str, Any], made_of: Mapping[str, Any], count: int, verify: bool
) -> list[int]:
    """Check what is there, and give the batches that are missing."""
    for place in (folder, *(folder / name for name in ("images", "labels", "records"))):
        for file in place.glob(".*"):
            if LEFT_OVER.fullmatch(file.name):
                file.unlink()
    if not goes_on(folder, settings, count):
        check_masks(maker.source.masks, maker.generator, maker.sampler)
        if not maker.source.masks and maker.sampler is not None:
            check_drawn(maker.source, maker.sampler)
        begin_manifest(folder, settings, made_of)
    batches = range(math.ceil(count / maker.batch_size))
    return [
        batch for batch in batches if read_record(folder, batch, maker.numbers(batch, count), verify=verify) is None
    ]


@contextmanager
def _sole_writer(folder: Path) -> Iterator[None]:
    """Keep other runs from writing to a folder; the system ends the lock with the process."""
    from filelock import FileLock, Timeout

    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, expected a folder for the store: choose another one.")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"another run writes to {folder}: wait until it has ended, start its processes with torchrun, or choose "
            "another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()
