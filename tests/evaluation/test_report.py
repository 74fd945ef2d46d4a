"""The page of an evaluation."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from monai_genaug.evaluation import evaluate_images, report
from monai_genaug.evaluation.report import write_report
from tests.evaluation.drawn import textures
from tests.evaluation.test_evaluate import FEW, painted

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Collects tags, and sees to it that they are closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def write(folder: Path, real, synthetic, held_out=None, **settings) -> str:
    result = evaluate_images(real, synthetic, held_out=held_out, **FEW, **settings)
    return write_report(folder / "a.html", result, real, synthetic, held_out, command="evaluate <it>").read_text()


def test_the_page_needs_no_network_and_describes_every_picture(tmp_path):
    text = write(tmp_path, painted(7), painted(4, seed=1), painted(5, seed=2))
    page = Page(text)
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 6 + 4 + 2 * (4 + 3)  # some real, some synthetic, nearest pairs
    assert all(attributes["src"].startswith("data:image/png;base64,") and attributes["alt"] for attributes in pictures)
    assert not re.search(r"https?://|<script|<link|url\(", text)
    for words in ("prefers-color-scheme: dark", "width=device-width", "overflow-x: auto"):
        assert words in text
    [strip] = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert "synthetic: 4 distances from" in strip["aria-label"]


def test_text_is_escaped(tmp_path):
    images = [{**item, "name": "<b>&"} for item in textures(3)]
    text = write(tmp_path, images, images)
    assert "<b>" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "evaluate &lt;it&gt;" in text


def test_a_page_without_nearest_images_says_why(tmp_path):
    text = write(tmp_path, textures(3, (20, 20)), textures(3, (20, 20), seed=1))
    assert "The nearest pairs" not in text
    assert "below 23 voxels" in text


@pytest.mark.parametrize(("channels", "size"), [(2, (40, 40)), (3, (30, 32, 31))], ids=["two channels", "volumes"])
def test_images_that_are_no_pictures_are_shown_too(tmp_path, channels, size):
    sets = [textures(3, size, seed=seed, channels=channels) for seed in (0, 1)]
    assert write(tmp_path, *sets).count("<img") == 3 + 3 + 2 * (3 + 3)


def test_equal_results_give_equal_pages(tmp_path):
    assert write(tmp_path, painted(4), painted(4)) == write(tmp_path, painted(4), painted(4))


def test_a_page_with_a_missing_part_is_not_written(tmp_path, monkeypatch):
    (tmp_path / "broken.j2").write_text("{{ no_such_name }}")
    monkeypatch.setattr(report, "TEMPLATE", tmp_path / "broken.j2")
    with pytest.raises(jinja2.UndefinedError):
        write(tmp_path, textures(2), textures(2))
    assert not (tmp_path / "a.html").exists()
