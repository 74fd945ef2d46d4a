"""Commands that deal with data sets: fetching one, and fitting a mask sampler to one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monai_genaug.cli.shared import tell_of_loading


def fetch(
    name: Annotated[str, typer.Argument(metavar="{dsb2018|bbbc039}", help="The data set.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it goes.")],
) -> None:
    """Download a public data set of nuclei and make it ready for the demo."""
    from monai_genaug.data import fetch as fetch_data

    source = fetch_data(name, folder)
    typer.echo(f"{source.title}\nlicence: {source.licence}\ncite: {'; '.join(source.cite)}\nfolder: {folder}")


def masks(
    kind: Annotated[str, typer.Argument(metavar="{bank|nuclei|lesions}", help="The mask sampler.")],
    data: Annotated[Path, typer.Option(help="Data set, as for the training, or a folder of label maps.")],
    out: Annotated[Path, typer.Option(help="The file: .npz for a bank, .json for the others.")],
    classes: Annotated[bool, typer.Option("--classes", help="Of a bank: label values are classes.")] = False,
    pixels: Annotated[bool, typer.Option("--pixels", help="Of a bank: keep pixels too, for CopyPasted.")] = False,
    binary: Annotated[bool, typer.Option("--binary", help="Labels hold 0 and 1; each piece is an object.")] = False,
) -> None:
    """Fit a mask sampler to your training labels, and draw what it makes beside them."""
    tell_of_loading()
    from monai_genaug.data import list_unpaired, load_datalist
    from monai_genaug.training.masks import fit_masks

    entries = load_datalist(data)["training"] if pixels else list_unpaired(data, "label")
    fit_masks(kind, entries, out, classes=classes, pixels=pixels, binary=binary)
    typer.echo(f"{len(entries)} labels: {out}\npicture: {out.with_suffix('.png')}")
