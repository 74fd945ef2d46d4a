"""`fetch` against made archives in the layout of the real ones."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from monai_genaug.data import fetch, load_datalist, read_array
from monai_genaug.data.fetch import BROAD, SOURCES, separate_values

STEMS = {"training": ("f1", "f2"), "validation": ("f3",), "test": ("f4",)}
MASK = np.array([[1, 1, 2, 0, 1], [1, 1, 2, 0, 1]], np.uint8)  # two nuclei touch, a third has the value of the first
INSTANCES = np.array([[1, 1, 3, 0, 2], [1, 1, 3, 0, 2]])


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def tiff(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels)
    return buffer.getvalue()


@pytest.fixture
def bbbc039(web):
    """Server with four images in the layout of BBBC039."""
    rgba = np.stack([MASK, MASK * 0, MASK * 0, MASK * 0 + 255], axis=-1)
    stems = [stem for part in STEMS.values() for stem in part]
    images = {f"images/{stem}.tif": tiff(np.full(MASK.shape, 1000 + i, np.uint16)) for i, stem in enumerate(stems)}
    masks = {f"masks/{stem}.png": png(rgba) for stem in stems} | {"__MACOSX/masks/._f1.png": b"x"}
    lists = {f"metadata/{name}.txt": "".join(f"{s}.png\n" for s in part).encode() for name, part in STEMS.items()}
    for name, files in (("images", images), ("masks", masks), ("metadata", lists)):
        web.files[f"/BBBC039/{name}.zip"] = zipped(files)
    return web


@pytest.fixture
def bbbc038(web, real_data):
    """Server with six samples in the layout of BBBC038, whose archive has no top folder."""
    root = real_data("dsb2018_layout") / "stage1_train"
    files = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*.png")}
    web.files["/BBBC038/stage1_train.zip"] = zipped(files)
    return web


def get(name: str, folder: Path, web) -> None:
    fetch(name, folder, base=web.address, verify=False, progress=False)


def test_official_addresses_licences_and_citations() -> None:
    assert BROAD == "https://data.broadinstitute.org/bbbc"
    assert {name: list(source.archives) for name, source in SOURCES.items()} == {
        "dsb2018": ["BBBC038/stage1_train.zip"],
        "bbbc039": ["BBBC039/images.zip", "BBBC039/masks.zip", "BBBC039/metadata.zip"],
    }
    assert {source.licence for source in SOURCES.values()} == {"CC0 1.0"}
    assert "Nature Methods 16, 1247" in SOURCES["dsb2018"].cite[0]
    assert "Cytometry A 95, 952" in SOURCES["bbbc039"].cite[0]


def test_dsb2018_becomes_a_datalist(bbbc038, tmp_path: Path) -> None:
    get("dsb2018", tmp_path, bbbc038)
    splits = load_datalist(tmp_path)
    assert sum(len(items) for items in splits.values()) == 6
    assert read_array(splits["training"][0]["label"])[0].max() > 1
    assert [file.name for file in tmp_path.iterdir()] == ["stage1_train"]


def test_bbbc039_becomes_instance_maps_with_the_official_split(bbbc039, tmp_path: Path) -> None:
    get("bbbc039", tmp_path, bbbc039)
    splits = load_datalist(tmp_path)
    assert {name: tuple(Path(item["image"]).stem for item in items) for name, items in splits.items()} == STEMS
    label, _ = read_array(splits["training"][0]["label"])
    assert label.dtype == np.uint16
    np.testing.assert_array_equal(label, INSTANCES[None])
    assert read_array(splits["test"][0]["image"])[0].max() == 1003
    content = json.loads((tmp_path / "dataset.json").read_text())
    assert content["licence"] == "CC0 1.0"
    assert "Ljosa" in content["cite"]


def test_second_call_asks_for_nothing(bbbc039, tmp_path: Path) -> None:
    get("bbbc039", tmp_path, bbbc039)
    before = (tmp_path / "dataset.json").stat().st_mtime_ns, len(bbbc039.asked)
    get("bbbc039", tmp_path, bbbc039)
    assert ((tmp_path / "dataset.json").stat().st_mtime_ns, len(bbbc039.asked)) == before


def test_interrupted_call_goes_on_where_it_stopped(bbbc039, tmp_path: Path) -> None:
    bbbc039.sent["/BBBC039/masks.zip"] = 100
    with pytest.raises(OSError, match="ended after 100"):
        get("bbbc039", tmp_path, bbbc039)
    assert [file.name for file in tmp_path.iterdir()] == ["images"]
    bbbc039.sent.clear()
    get("bbbc039", tmp_path, bbbc039)
    assert bbbc039.asked.count("/BBBC039/images.zip") == 1
    assert (tmp_path / "dataset.json").exists()


def test_rests_of_a_killed_download_are_removed(bbbc038, tmp_path: Path) -> None:
    (tmp_path / ".123-456-stage1_train.zip").write_bytes(b"half")
    get("dsb2018", tmp_path, bbbc038)
    assert [file.name for file in tmp_path.iterdir()] == ["stage1_train"]


def test_interrupted_labelling_starts_afresh(bbbc039, tmp_path: Path) -> None:
    get("bbbc039", tmp_path, bbbc039)
    (tmp_path / "dataset.json").unlink()
    (tmp_path / "labels" / "f1.png").write_bytes(b"half")
    (tmp_path / ".labels.part").mkdir()
    get("bbbc039", tmp_path, bbbc039)
    np.testing.assert_array_equal(read_array(tmp_path / "labels" / "f1.png")[0], INSTANCES[None])
    assert not (tmp_path / ".labels.part").exists()


def test_archive_with_another_digest_is_refused(bbbc039, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        fetch("bbbc039", tmp_path, base=bbbc039.address, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_unsafe_archive_leaves_nothing_that_looks_complete(web, tmp_path: Path) -> None:
    web.files["/BBBC038/stage1_train.zip"] = zipped({"s1/images/a.png": b"", "../../evil.txt": b"evil"})
    with pytest.raises(ValueError, match="not safe"):
        get("dsb2018", tmp_path / "set", web)
    assert not (tmp_path / "set" / "stage1_train").exists()
    assert not list(tmp_path.parent.glob("evil.txt")) + list(tmp_path.glob("evil.txt"))


def test_image_that_the_lists_name_but_the_archive_lacks_is_named(bbbc039, tmp_path: Path) -> None:
    bbbc039.files["/BBBC039/images.zip"] = zipped({"images/f1.tif": b""})
    with pytest.raises(ValueError, match=r"f2\.tif is named in metadata/ but missing"):
        get("bbbc039", tmp_path, bbbc039)
    assert not (tmp_path / "dataset.json").exists()


def test_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one of 'dsb2018', 'bbbc039'"):
        fetch("cells", tmp_path)


def test_diagonal_neighbours_of_one_value_are_one_object() -> None:
    np.testing.assert_array_equal(separate_values(np.array([[1, 0], [0, 1]])), [[1, 0], [0, 1]])


def test_more_than_255_objects_are_kept_apart() -> None:
    checker = np.zeros((40, 40), np.uint8)
    checker[::2, ::2] = 1
    assert separate_values(checker).max() == 400
