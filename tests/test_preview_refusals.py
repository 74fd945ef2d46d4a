"""What `preview` refuses, and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_genaug.preview import preview
from tests.helpers import save_untrained, write_pairs


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    """Folders of a generator and of five pairs, of which three are for training."""
    root = tmp_path_factory.mktemp("preview")
    return save_untrained(root / "generator"), write_pairs(root / "data", 5)


@pytest.mark.parametrize("name", ["preview.gif", "preview", "png"])
def test_another_kind_of_picture_is_refused(tmp_path, folders, name):
    with pytest.raises(ValueError, match=r"expected a name ending in \.png or \.jpg"):
        preview(*folders, tmp_path / name)


def test_no_rows_are_refused(tmp_path, folders):
    with pytest.raises(ValueError, match="count is 0, expected at least 1"):
        preview(*folders, tmp_path / "a.png", count=0)


def test_a_missing_generator_is_named(tmp_path, folders):
    with pytest.raises(FileNotFoundError, match="no generator 'nowhere'"):
        preview("nowhere", folders[1], tmp_path / "a.png")


def test_a_missing_data_set_is_named(tmp_path, folders):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        preview(folders[0], tmp_path / "nowhere", tmp_path / "a.png")


def test_an_empty_data_set_is_refused(tmp_path, folders):
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    with pytest.raises(ValueError, match="no readable file in images"):
        preview(folders[0], tmp_path / "data", tmp_path / "a.png")


def test_a_damaged_image_is_named_and_the_earlier_picture_stays(tmp_path, folders):
    data = write_pairs(tmp_path / "data", 1)
    (data / "images/0.png").write_bytes((data / "images/0.png").read_bytes()[:60])
    (tmp_path / "a.png").write_text("earlier")
    with pytest.raises(ValueError, match=r"images/0\.png"):
        preview(folders[0], data, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "earlier"


@pytest.mark.parametrize(
    ("size", "channels", "got"),
    [((20, 24), 3, "2D images of 3 channel"), ((8, 8, 8), 1, "3D images of 1 channel")],
    ids=["channels", "dimensions"],
)
def test_data_that_the_generator_does_not_fit_are_refused(tmp_path, folders, size, channels, got):
    data = write_pairs(tmp_path / "data", 1, size=size, channels=channels)
    expected = rf"generator makes 2D images of 1 channel\(s\), the data set has {got}.*: pass a generator"
    with pytest.raises(ValueError, match=expected):
        preview(folders[0], data, tmp_path / "a.png")
