"""Commands around bundles: listing them, and training what they describe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from monai_genaug.cli.shared import stopping, tell_of_loading, told


def train(
    name: Annotated[str, typer.Argument(help="A shipped bundle, such as nuclei_pix2pix or nuclei_unet, or a folder.")],
    data: Annotated[Path, typer.Option(help="Data set: a folder with dataset.json, or with images/ and labels/.")],
    out: Annotated[Path, typer.Option(help="Folder for what is trained; a training that was stopped goes on.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change an entry of the bundle's configs.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Determines weights, crops and noise.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; by default cuda where there is one.")] = None,
) -> None:
    """Train a generator or a segmentation network on your images, as its bundle says."""
    overrides: dict[str, Any] = {"dataset_dir": str(data), "output_dir": str(out), "seed": seed}
    overrides |= {} if device is None else {"device": device}
    changed = dict(map(parse_setting, settings or []))
    for key, option in {"dataset_dir": "--data", "output_dir": "--out", "seed": "--seed", "device": "--device"}.items():
        if key in changed:
            raise ValueError(f"--set {key}=... would contradict {option}: give {option} alone.")
    overrides |= changed
    tell_of_loading()
    from monai_genaug.training.bundle import train_bundle
    from monai_genaug.training.progress import Course, progress_bars

    with progress_bars() as bars, told(), stopping("from the last epoch that was completed"):
        train_bundle(name, overrides, progress=Course(Path(name).name, bars))
    typer.echo(f"trained: {out}")


def bundles(
    name: Annotated[str | None, typer.Argument(help="Print the folder of this bundle and nothing else.")] = None,
    configs: Annotated[
        bool, typer.Option("--configs", help="With NAME: print the files that monai.bundle run reads to train it.")
    ] = False,
) -> None:
    """List the bundles that are shipped: what they do, and where they lie."""
    from monai_genaug.generators.folders import list_bundles
    from monai_genaug.training.bundle import config_files

    found = list_bundles()
    if name is not None:
        folders = {bundle.name: bundle.folder for bundle in found}
        if name not in folders:
            raise ValueError(f"no bundle {name!r} is shipped, expected one of {', '.join(folders)}.")
        typer.echo([str(file) for file in config_files(name)] if configs else folders[name])
        return
    if configs:
        raise ValueError("--configs needs the name of a bundle: write monai-genaug bundles nuclei_pix2pix --configs.")
    for bundle in found:
        typer.echo(f"{bundle.name}\n  {bundle.task}\n  {bundle.use}\n  {bundle.folder}")


def parse_setting(text: str) -> tuple[str, Any]:
    """Split KEY=VALUE, the value as YAML reads it."""
    import yaml

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"--set {text!r}: expected KEY=VALUE, such as --set epochs=100.")
    if re.fullmatch(r"[+-]?[\d.]+e[+-]?\d+", value, re.IGNORECASE):  # which YAML 1.1 reads as text
        return key, float(value)
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:  # @one_hot and the like: a reference
        return key, value
