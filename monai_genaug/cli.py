"""The command line: `monai-genaug demo | train | masks | preview | evaluate | benchmark | bundles | fetch`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class _ShortErrors(TyperGroup):
    """Prints wrong input as one line with exit code 2; `--debug` shows where it arose. Warnings are one line too."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        warnings.showwarning = _print_warning  # type: ignore[assignment]  # of the arguments, only the first counts
        warnings.filterwarnings("ignore", category=FutureWarning)  # of other packages about each other
        try:
            return super().invoke(ctx)
        except (ValueError, OSError, FloatingPointError) as error:
            if ctx.params["debug"]:
                raise
            typer.secho(f"Error: {error}", fg="red", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(cls=_ShortErrors, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_warning(message: Warning | str, *args: Any) -> None:
    """Print a warning as one line."""
    typer.secho(f"Warning: {message}", fg="yellow", err=True)


def _print_version(value: bool) -> None:
    """Print the version and leave."""
    if value:
        from importlib.metadata import version

        typer.echo(f"monai-genaug {version('monai_genaug')}")
        raise typer.Exit


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Generative data augmentation for medical image segmentation, inside MONAI pipelines."""


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="Data set: a folder, a .json list or a .mat file; phantoms are drawn without.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report: new, empty, or an earlier demo's.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Determines data, weights and synthetic pairs.")] = 0,
    device: Annotated[str, typer.Option(help="Where to train, such as cpu or cuda.")] = "cpu",
) -> None:
    """Train a generator on a few labelled images and report whether a U-Net gains from what it makes."""
    typer.echo("loading MONAI and PyTorch ...", err=True)
    from monai_genaug.benchmark.demo import run_demo

    result = run_demo(out, data_dir=data, seed=seed, device=device)
    for score in result.scores:
        typer.echo(
            f"{score.name}: {score.without:.3f} real only, {score.with_synthetic:.3f} real and synthetic, difference "
            f"{score.difference.mean:+.3f} (95 % interval {score.difference.low:+.3f} to {score.difference.high:+.3f})"
        )
    typer.echo(f"{result.verdict}\nreport: {result.report}\nscores: {result.results}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="{dsb2018|bbbc039}", help="The data set.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it goes.")],
) -> None:
    """Download a public data set of nuclei and make it ready for the demo."""
    from monai_genaug.data import fetch as fetch_data

    source = fetch_data(name, folder)
    typer.echo(f"{source.title}\nlicence: {source.licence}\ncite: {'; '.join(source.cite)}\nfolder: {folder}")


@app.command()
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
    changed = dict(map(_parse_setting, settings or []))
    for key, option in {"dataset_dir": "--data", "output_dir": "--out", "seed": "--seed", "device": "--device"}.items():
        if key in changed:
            raise ValueError(f"--set {key}=... would contradict {option}: give {option} alone.")
    overrides |= changed
    typer.echo("loading MONAI and PyTorch ...", err=True)
    from monai_genaug.training.bundle import train_bundle
    from monai_genaug.training.progress import Course, progress_bars

    with progress_bars() as bars, _told():
        try:
            train_bundle(name, overrides, progress=Course(Path(name).name, bars))
        except KeyboardInterrupt:
            typer.echo("stopped: the same command goes on from the last epoch that was completed", err=True)
            raise typer.Exit(130) from None
    typer.echo(f"trained: {out}")


@app.command()
def preview(
    generator: Annotated[str, typer.Option(help="A shipped generator, or the folder of a trained one.")],
    data: Annotated[Path, typer.Option(help="Data set, as for the training.")],
    out: Annotated[Path, typer.Option(help="The picture, .png or .jpg.")] = Path("preview.png"),
    count: Annotated[int, typer.Option(help="How many images are shown.")] = 4,
    seed: Annotated[int, typer.Option(help="Determines the choice of images and what is made of them.")] = 0,
    device: Annotated[str, typer.Option(help="Where the generator runs.")] = "cpu",
) -> None:
    """Draw what a generator would feed to your network: real, label, new label, synthetic, overlay."""
    typer.echo("loading MONAI and PyTorch ...", err=True)
    from monai_genaug.preview import preview as draw

    result = draw(generator, data, out, count=count, seed=seed, device=device)
    typer.echo(f"{result.table}\npicture: {result.path}")


@app.command()
def masks(
    kind: Annotated[str, typer.Argument(metavar="{bank|nuclei|lesions}", help="The mask sampler.")],
    data: Annotated[Path, typer.Option(help="Data set, as for the training, or a folder of label maps.")],
    out: Annotated[Path, typer.Option(help="The file: .npz for a bank, .json for the others.")],
    classes: Annotated[bool, typer.Option("--classes", help="Of a bank: label values are classes.")] = False,
    pixels: Annotated[bool, typer.Option("--pixels", help="Of a bank: keep pixels too, for CopyPasted.")] = False,
    binary: Annotated[bool, typer.Option("--binary", help="Labels hold 0 and 1; each piece is an object.")] = False,
) -> None:
    """Fit a mask sampler to your training labels, and draw what it makes beside them."""
    typer.echo("loading MONAI and PyTorch ...", err=True)
    from monai_genaug.data import list_unpaired, load_datalist
    from monai_genaug.training.masks import fit_masks

    entries = load_datalist(data)["training"] if pixels else list_unpaired(data, "label")
    fit_masks(kind, entries, out, classes=classes, pixels=pixels, binary=binary)
    typer.echo(f"{len(entries)} labels: {out}\npicture: {out.with_suffix('.png')}")


@app.command()
def evaluate(
    real: Annotated[Path, typer.Argument(metavar="REAL_DIR", help="The training images: a folder or a data set.")],
    synthetic: Annotated[Path, typer.Argument(metavar="SYNTH_DIR", help="The synthetic images, likewise.")],
    out: Annotated[Path, typer.Option(help="Folder for results.json, table.md and report.html.")],
    masks: Annotated[Path | None, typer.Option(help="Masks that the images were made from, of equal names.")] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Real images that were not trained on, or a data set with a test split.")
    ] = None,
    segmenter: Annotated[Path | None, typer.Option(help="Trained nuclei_unet; Otsu's threshold without.")] = None,
    features: Annotated[str, typer.Option(help="random, inception or a TorchScript file.")] = "random",
    classifier: Annotated[Path | None, typer.Option(help="TorchScript file that gives logits of classes.")] = None,
    crop: Annotated[int, typer.Option(help="Compare crops of so many voxels a side; 0: whole images.")] = 0,
    pairs: Annotated[bool, typer.Option("--pairs/--no-pairs", help="Equal names mean equal masks.")] = True,
    nearest: Annotated[int, typer.Option(help="Most images that are searched for copies.")] = 100,
    seed: Annotated[int, typer.Option(help="Determines subsamples, halves and choices.")] = 0,
    device: Annotated[str, typer.Option(help="Where networks run.")] = "cpu",
) -> None:
    """Compare synthetic images with real ones: distribution, copies, masks; with a report."""
    typer.echo("loading MONAI and PyTorch ...", err=True)
    from monai_genaug.evaluation.run import evaluate_folders, evaluation_bars, print_evaluation

    with evaluation_bars() as progress:
        found = evaluate_folders(
            *(real, synthetic, out),
            masks=masks,
            held_out=held_out,
            segmenter=segmenter,
            features=features,
            classifier=classifier,
            crop=crop,
            pair_names=pairs,
            nearest=nearest,
            seed=seed,
            device=device,
            progress=progress,
        )
    print_evaluation(found)


@app.command()
def benchmark(
    plan: Annotated[Path, typer.Argument(help="What is compared: a YAML file such as benchmarks/paper_nucleus.yaml.")],
    data: Annotated[Path | None, typer.Option(help="Data set: a folder, a .json list or a .mat file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results; by default runs/ and the kind.")] = None,
    setting: Annotated[str, typer.Option(help="Which of the plan's settings, such as short or full.")] = "short",
    device: Annotated[str | None, typer.Option(help="cpu or cuda; by default cuda where there is one.")] = None,
    shard: Annotated[str | None, typer.Option(help="i/n: the i-th of n processes that share the work.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after so long; the same command goes on.")] = None,
) -> None:
    """Run a comparison that a YAML file describes; one that was stopped goes on."""
    typer.echo("loading MONAI and PyTorch ...", err=True)
    from rich.console import Console

    from monai_genaug.benchmark.kinds import run_benchmark
    from monai_genaug.training.progress import progress_bars

    with progress_bars() as bars, _told():
        try:
            result = run_benchmark(
                *(plan, bars),
                data_dir=data,
                output_dir=out,
                setting=setting,
                device=device,
                shard=shard,
                minutes=minutes,
            )
        except KeyboardInterrupt:
            typer.echo("stopped: the same command goes on from the last epoch that was completed", err=True)
            raise typer.Exit(130) from None
    for table in result.tables:
        Console().print(table.to_rich())
    typer.echo(f"results: {result.folder}")
    for failure in result.failures:
        typer.secho(failure, fg="red", err=True)
    if result.failures:
        raise typer.Exit(1)


@app.command()
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


@contextmanager
def _told() -> Iterator[None]:
    """Print what this package logs: what the data is like, and where a training goes on."""
    import logging

    handler = logging.StreamHandler()
    logger = logging.getLogger("monai_genaug")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _parse_setting(text: str) -> tuple[str, Any]:
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


if __name__ == "__main__":
    app(prog_name="python -m monai_genaug.cli")
