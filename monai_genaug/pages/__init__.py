"""Pages that need no other file and no network: their pictures, and the filling of their templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from monai_genaug._files import replacing
from monai_genaug.pictures import Pixels, middle_plane, png_data_uri

SHARED = Path(__file__).parent  # style.css and macros.html.j2, which templates include


class Figure(NamedTuple):
    """A picture as a data URI, the words under it, and the words for those who do not see it."""

    uri: str
    caption: str
    alt: str


def make_figure(pixels: Pixels, caption: str, alt: str, *, longest: int = 256) -> Figure:
    """Make a figure of pixels.

    Args:
        pixels: (Y, X, 3), uint8.
        caption: words under it.
        alt: words for those who do not see it.
        longest: larger pictures are shrunk until their longest side has this many pixels.

    Example:
        >>> import numpy as np
        >>> make_figure(np.zeros((2, 2, 3), dtype=np.uint8), "mask", "an empty mask").caption
        'mask'
    """
    return Figure(png_data_uri(pixels, longest=longest), caption, alt)


def fullest_plane(image: Tensor, label: Tensor) -> Tensor:
    """Take what a picture can show of an image: of a volume the slice with the most foreground, and 1 or 3 channels.

    Args:
        image: (C, *S), two or three sizes; may be the label itself.
        label: (1, *S), foreground > 0; of equal slices the first counts, and without foreground the middle one.

    Returns:
        (1, Y, X), or (3, Y, X) where C is 3; slices are those of the last axis.

    Example:
        >>> import torch
        >>> label = torch.zeros(1, 2, 2, 5)
        >>> label[..., 3] = 1
        >>> fullest_plane(torch.arange(5.0).expand(1, 2, 2, 5), label)[0, 0].tolist()
        [3.0, 3.0]
    """
    if image.ndim == 3:
        return middle_plane(image)
    filled = (label[0] > 0).sum(dim=(0, 1))
    index = int(filled.argmax()) if filled.any() else len(filled) // 2
    return middle_plane(image[..., index])


def write_page(path: Path, template: Path, **content: Any) -> Path:
    """Fill a template and write the page; text is escaped, and a name that is missing is an error.

    Args:
        path: the HTML file; an earlier one is replaced as a whole.
        template: its file, which may include what lies beside it and what is shared here.
        content: what the template names.

    Returns:
        `path`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template.name).render(**content)
    with replacing(path) as hidden:
        hidden.write_text(page, encoding="utf-8")
    return path
