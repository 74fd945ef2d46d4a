"""Pages, and what is shown of images."""

from __future__ import annotations

import base64
import io

import jinja2
import numpy as np
import pytest
import torch
from PIL import Image

from monai_genaug.pages import fullest_plane, make_figure, write_page


def test_the_slice_with_the_most_foreground_is_shown():
    label = torch.zeros(1, 4, 4, 6, dtype=torch.int64)
    label[0, :1, :1, 1] = 9
    label[0, :2, :2, 4] = 1
    image = torch.arange(6.0).expand(1, 4, 4, 6)
    assert (fullest_plane(image, label) == 4).all()
    assert torch.equal(fullest_plane(label, label), label[..., 4])


def test_without_foreground_it_is_the_middle_slice():
    image = torch.arange(6.0).expand(1, 4, 4, 6)
    assert (fullest_plane(image, torch.zeros(1, 4, 4, 6)) == 3).all()


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (4, 1)])
def test_planes_are_shown_as_they_are_with_one_or_three_channels(channels, shown):
    image = torch.rand(channels, 5, 7)
    assert torch.equal(fullest_plane(image, torch.ones(1, 5, 7)), image[:shown])


def test_large_pictures_are_shrunk():
    figure = make_figure(np.zeros((40, 20, 3), dtype=np.uint8), "a", "b", longest=10)
    picture = Image.open(io.BytesIO(base64.b64decode(figure.uri.split(",")[1])))
    assert picture.size == (5, 10)


def test_text_is_escaped_and_what_is_missing_is_an_error(tmp_path):
    (tmp_path / "a.html.j2").write_text("<p>{{ name }}</p>")
    page = write_page(tmp_path / "out/a.html", tmp_path / "a.html.j2", name="<b> & c")
    assert page.read_text() == "<p>&lt;b&gt; &amp; c</p>"
    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        write_page(page, tmp_path / "a.html.j2")
    assert page.read_text() == "<p>&lt;b&gt; &amp; c</p>"
