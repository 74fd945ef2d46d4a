"""What all commands share: the group, short errors, and what is told meanwhile."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class ShortErrors(TyperGroup):
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


app = typer.Typer(cls=ShortErrors, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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


def tell_of_loading() -> None:
    """Say what takes the first seconds."""
    typer.echo("loading MONAI and PyTorch ...", err=True)


@contextmanager
def told(*, all_of_it: bool = False) -> Iterator[None]:
    """Print what this package logs, such as what the data is like, and where a training goes on.

    Args:
        all_of_it: even where logging was not set to tell more than warnings.
    """
    import logging

    handler = logging.StreamHandler()
    logger = logging.getLogger("monai_genaug")
    level = logger.level
    logger.addHandler(handler)
    if all_of_it:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def stopping(place: str) -> Iterator[None]:
    """Say, where Ctrl-C ends what is done inside, that the same command goes on.

    Args:
        place: where it goes on.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"stopped: the same command goes on {place}", err=True)
        raise typer.Exit(130) from None
