"""Commands that make synthetic pairs: a picture of some, and a store of many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from monai_genaug.cli.shared import stopping, tell_of_loading, told


def preview(
    generator: Annotated[str, typer.Option(help="A shipped generator, or the folder of a trained one.")],
    data: Annotated[Path, typer.Option(help="Data set, as for the training.")],
    out: Annotated[Path, typer.Option(help="The picture, .png or .jpg.")] = Path("preview.png"),
    count: Annotated[int, typer.Option(help="How many images are shown.")] = 4,
    seed: Annotated[int, typer.Option(help="Determines the choice of images and what is made of them.")] = 0,
    device: Annotated[str, typer.Option(help="Where the generator runs.")] = "cpu",
) -> None:
    """Draw what a generator would feed to your network: real, label, new label, synthetic, overlay."""
    tell_of_loading()
    from monai_genaug.preview import preview as draw

    result = draw(generator, data, out, count=count, seed=seed, device=device)
    typer.echo(f"{result.table}\npicture: {result.path}")


def synthesize(
    generator: Annotated[str, typer.Argument(metavar="NAME_OR_DIR", help="A shipped generator, or a trained one's.")],
    count: Annotated[int, typer.Option(help="Samples to draw; a larger number goes on.")],
    out: Annotated[Path, typer.Option(help="Folder for the store: new, empty, or of the same settings.")],
    masks: Annotated[
        Path | None, typer.Option(help="Folder of masks, or a data set: the masks of its training images.")
    ] = None,
    sampler: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Makes new masks, of --masks or of --size: YAML, or what masks wrote."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="Y,X", help="Without --masks: size of the masks that --sampler makes.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Determines masks, images and their order.")] = 0,
    bits: Annotated[int | None, typer.Option(help="Of images: 8, 16, or 32 (float); by default 8, NIfTI 32.")] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Trained nuclei_unet: leave out images in which it does not find the mask.")
    ] = None,
    least_dice: Annotated[float | None, typer.Option(help="With --segmenter: least agreement; by default 0.7.")] = None,
    real: Annotated[
        Path | None, typer.Option(help="The generator's own training data set: leave out what comes too near to it.")
    ] = None,
    least_distance: Annotated[
        float | None, typer.Option(help="With --real: least distance; by default as of its validation images.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples that are made together.")] = 8,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; by default cuda where there is one.")] = None,
    threads: Annotated[int, typer.Option(help="Of each process on the CPU; torchrun starts several processes.")] = 1,
    verify: Annotated[bool, typer.Option("--verify", help="Read all that is there, and mend what is damaged.")] = False,
) -> None:
    """Write synthetic pairs as a data set ahead of training; what was stopped goes on, torchrun shares it."""
    first = os.environ.get("RANK", "0") == "0"
    if first:
        tell_of_loading()
    from monai_genaug.benchmark.disk import saying_when_full
    from monai_genaug.cli.gates import build_gate, check_gates, parse_size
    from monai_genaug.store import read_sampler, write_store
    from monai_genaug.store.processes import fixed_computing, own_device
    from monai_genaug.training.progress import Course, progress_bars

    spatial_size = parse_size(size)
    check_gates(segmenter, least_dice, real, least_distance)
    made_by = None if sampler is None else read_sampler(sampler)
    place = str(own_device(device))
    processes, cores = int(os.environ.get("WORLD_SIZE", "1")), os.cpu_count() or 1
    if place == "cpu" and processes == threads == 1 < cores:
        start = f"torchrun --standalone --nproc_per_node={cores} -m monai_genaug synthesize ..."
        typer.echo(f"1 of {cores} cores is used: {start} uses all of them, with the same result", err=True)
    title = "synthesize" if processes == 1 else f"synthesize, first of {processes} parts"
    with progress_bars(show=first) as bars, told(all_of_it=first), stopping("where it was"), saying_when_full():
        with fixed_computing(threads):  # so that a least distance is the same in every process
            accept = build_gate(segmenter, least_dice, real, least_distance, device=place)
        done = write_store(
            *(out, generator),
            count=count,
            masks=masks,
            sampler=None if made_by is None else made_by.sampler,
            size=spatial_size,
            seed=seed,
            bits=bits,
            accept=accept,
            batch_size=batch,
            device=place,
            threads=threads,
            verify=verify,
            described=None if made_by is None else made_by.config,
            progress=Course(title, bars),
        )
    if first:
        typer.echo(f"{done.drawn - done.refused} pairs of {done.drawn} drawn: {out}\ndigest: {done.digest}")
