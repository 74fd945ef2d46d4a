"""The command line: `monai-genaug demo` and `monai-genaug fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class _ShortErrors(TyperGroup):
    """Prints wrong input as one line with exit code 2; `--debug` shows where it arose."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            if ctx.params["debug"]:
                raise
            typer.secho(f"Error: {error}", fg="red", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(cls=_ShortErrors, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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
