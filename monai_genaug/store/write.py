"""Writing a store: image and label pairs in files, ahead of the training that reads them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from monai.transforms import Randomizable

from monai_genaug._checks import check_at_least, check_choice
from monai_genaug.data import write_dataset
from monai_genaug.data.pairs import BITS
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.handle import GeneratorHandle, as_handle
from monai_genaug.masks.digest import digest_sampler
from monai_genaug.quality.gate import identify_gate
from monai_genaug.store.batches import Maker
from monai_genaug.store.begin import begun
from monai_genaug.store.manifest import end_manifest
from monai_genaug.store.masks import digest_masks, open_source
from monai_genaug.store.processes import fixed_computing, joined_processes, own_device
from monai_genaug.store.records import FILES, Sample, digest_samples, read_record, write_record
from monai_genaug.synthesis import Accept

Folder = str | os.PathLike[str]
Progress = Callable[[int, int, dict[str, float]], None]  # done, total, nothing else
LICENCE = "that of the images and masks that generator, sampler and masks come from"


class StoreSummary(NamedTuple):
    """What came of a store.

    Args:
        folder: of the store; ``dataset.json`` lies in it.
        drawn: samples, whatever came of them.
        refused: of these, how many a gate let through in no try: they are not in the store.
        digest: of all samples in their order; equal for equal settings, in however many runs and processes.
    """

    folder: Path
    drawn: int
    refused: int
    digest: str


def write_store(
    folder: Folder,
    generator: Folder | GeneratorHandle | ConditionalGenerator,
    *,
    count: int,
    masks: Folder | None = None,
    sampler: Randomizable | None = None,
    size: Sequence[int] | None = None,
    seed: int = 0,
    bits: int | None = None,
    accept: Accept | None = None,
    batch_size: int = 8,
    device: str | None = "cpu",
    threads: int = 1,
    verify: bool = False,
    described: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> StoreSummary:
    """Write synthetic pairs as a data set, or go on with one that was stopped or is to become longer.

    A sample is a function of these settings and of its number, whatever `count` is. Under ``torchrun`` processes share
    the batches, and the result is the same for any number of them.

    Args:
        folder: of the store: new, empty, or of the same settings.
        generator: a folder, the name of a shipped bundle, a handle or a live generator.
        count: samples that are drawn; what `accept` refuses counts too.
        masks: a folder of masks, or a data set, of which the masks for training are taken; see `list_sources`.
        sampler: makes a new mask of each; without `masks` it makes them out of nothing.
        size: spatial size of masks that are made out of nothing.
        seed: of everything.
        bits: of images: 8, 16, or 32 for float32 in [0, 1]; by default 8, and 32 for NIfTI.
        accept: a gate; a sample that it lets through in none of five tries is left out.
        batch_size: samples that are made together.
        device: where the generator runs; None takes a GPU where there is one. A live generator has its own.
        threads: of each process on the CPU; more of them round otherwise, so they are among the settings.
        verify: compare what is there with the hashes that were recorded, and not sizes alone.
        described: what the manifest is to tell of the sampler.
        progress: called as ``progress(done, total, {})`` after each batch of this process.

    Returns:
        Counts and digest, the same in all processes.

    Raises:
        FileNotFoundError: if there is no such generator, or no masks.
        ValueError: for settings that are not those of the store, or do not fit the generator or each other.
        ConnectionError: if another process has ended.

    Example:
        >>> import tempfile, torch
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding, ProceduralNuclei
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = write_store(folder, generator, sampler=ProceduralNuclei(), size=(48, 64), count=3)
        ...     done.drawn, done.refused, sorted(file.name for file in Path(folder).glob("[a-z]*"))
        (3, 0, ['dataset.json', 'images', 'labels', 'manifest.json', 'records'])
    """
    check_at_least(1, count=count, batch_size=batch_size, threads=threads)
    if bits is not None:
        check_choice("bits", bits, BITS)
    root = Path(folder).expanduser().absolute()
    if masks is not None and Path(masks).expanduser().resolve().is_relative_to(root.resolve()):
        raise ValueError(f"the masks {masks} lie in {root}, where the store is written: choose another folder for it.")
    source = open_source(masks, sampler, size, seed=seed)
    handle = as_handle(generator, own_device(device))
    with joined_processes() as processes, fixed_computing(threads):
        network = handle.load()
        settings = {
            "generator": handle.digest,
            "masks": digest_masks(source),
            "sampler": None if sampler is None else digest_sampler(sampler),
            "size": None if size is None else list(size),
            "seed": seed,
            "bits": bits,
            "accept": None if accept is None else identify_gate(accept),
            "batch_size": batch_size,
            "device": network.device.type,
            "threads": threads,
        }
        if described is None and sampler is not None:
            described = {"class": type(sampler).__name__}
        made_of = {
            "generator": handle.name,
            "masks": None if masks is None else str(masks),
            "sampler": None if described is None else dict(described),
        }
        maker = Maker(network, source, sampler, accept, seed=seed, batch_size=batch_size, bits=bits)
        with begun(root, processes, maker, settings, made_of, count=count, verify=verify) as pending:
            _make(root, maker, pending[processes.rank :: processes.count], count, progress)
            processes.share(None)  # all parts are done
            summary = _end(root, maker, count, settings) if processes.rank == 0 else None
            summary = processes.share(summary)
    assert summary is not None
    return summary


def _make(root: Path, maker: Maker, batches: Sequence[int], count: int, progress: Progress | None) -> None:
    """Make batches one after the other, each with its record when it is whole."""
    total, done = sum(len(maker.numbers(batch, count)) for batch in batches), 0
    for batch in batches:
        samples = maker.make(root, batch, count)
        write_record(root, batch, samples)
        done += len(samples)
        if progress is not None:
            progress(done, total, {})


def _end(root: Path, maker: Maker, count: int, settings: Mapping[str, Any]) -> StoreSummary:
    """Write what came of it, and last of all the list of the samples."""
    samples: list[Sample] = []
    for batch in range(math.ceil(count / maker.batch_size)):
        found = read_record(root, batch, maker.numbers(batch, count))
        if found is None:
            raise ValueError(f"files of batch {batch} have gone from {root} meanwhile: run the same command again.")
        samples += found
    kept = [sample for sample in samples if "refused" not in sample]
    digest = digest_samples(samples)
    results = {"count": count, "accepted": len(kept), "refused": count - len(kept), "digest": digest}
    end_manifest(root, results)
    if not kept:
        raise ValueError(
            f"the gate let none of {count} samples through: make it milder, or train the generator longer."
        )
    items = [
        {**{key: str(root / sample[key]) for key in FILES}, "group": sample["group"], "seed": sample["seed"]}
        for sample in kept
    ]
    write_dataset(
        root,
        {"training": items},
        name="synthetic pairs",
        licence=LICENCE,
        source=f"generator {settings['generator']}, seed {settings['seed']}",
        label="as those of the masks or of the sampler",
    )
    return StoreSummary(root, count, count - len(kept), digest)
