"""Commands that measure: the demo, an evaluation of images, and benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monai_genaug.cli.shared import stopping, tell_of_loading, told

OUT_OF_TIME = 3  # exit status, which a loop can tell from a failure


def demo(
    data: Annotated[
        Path | None, typer.Option(help="Data set: a folder, a .json list or a .mat file; phantoms are drawn without.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report: new, empty, or an earlier demo's.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Determines data, weights and synthetic pairs.")] = 0,
    device: Annotated[str, typer.Option(help="Where to train, such as cpu or cuda.")] = "cpu",
) -> None:
    """Train a generator on a few labelled images and report whether a U-Net gains from what it makes."""
    tell_of_loading()
    from monai_genaug.benchmark.demo import run_demo

    result = run_demo(out, data_dir=data, seed=seed, device=device)
    for score in result.scores:
        typer.echo(
            f"{score.name}: {score.without:.3f} real only, {score.with_synthetic:.3f} real and synthetic, difference "
            f"{score.difference.mean:+.3f} (95 % interval {score.difference.low:+.3f} to {score.difference.high:+.3f})"
        )
    typer.echo(f"{result.verdict}\nreport: {result.report}\nscores: {result.results}")


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
    tell_of_loading()
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


def benchmark(
    plan: Annotated[Path, typer.Argument(help="What is compared: a YAML file such as benchmarks/paper_nucleus.yaml.")],
    data: Annotated[Path | None, typer.Option(help="Data set: a folder, a .json list or a .mat file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results; by default runs/ and the kind.")] = None,
    setting: Annotated[str, typer.Option(help="Which of the plan's settings, such as short or full.")] = "short",
    device: Annotated[str | None, typer.Option(help="cpu or cuda; by default cuda where there is one.")] = None,
    shard: Annotated[str | None, typer.Option(help="i/n: the i-th of n processes that share the work.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long, with exit status 3; the same command goes on.")
    ] = None,
) -> None:
    """Run a comparison that a YAML file describes; one that was stopped goes on."""
    tell_of_loading()
    from rich.console import Console

    from monai_genaug.benchmark.kinds import run_benchmark
    from monai_genaug.training.progress import progress_bars

    with progress_bars() as bars, told(), stopping("from the last epoch that was completed"):
        result = run_benchmark(
            *(plan, bars),
            data_dir=data,
            output_dir=out,
            setting=setting,
            device=device,
            shard=shard,
            minutes=minutes,
        )
    for table in result.tables:
        Console().print(table.to_rich())
    typer.echo(f"results: {result.folder}")
    for failure in result.failures:
        typer.secho(failure, fg="red", err=True)
    if result.unfinished:
        typer.echo(result.unfinished, err=True)
    if result.failures or result.unfinished:
        raise typer.Exit(1 if result.failures else OUT_OF_TIME)
