"""What a store refuses, before anything is written."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from monai_genaug.benchmark.disk import is_full
from monai_genaug.data import write_array
from monai_genaug.masks import InstanceBank, LabelDeformation, ProceduralNuclei
from tests.helpers import blobs, build, save_untrained
from tests.store.made import contents, refusing, store, write_masks


@pytest.fixture
def masks(tmp_path) -> Path:
    return write_masks(tmp_path / "masks")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("seed", {"seed": 1}),
        ("bits", {"bits": 16}),
        ("sampler", {"sampler": LabelDeformation()}),
        ("generator", {}),
        ("batch_size", {"batch_size": 4}),
        ("accept", {"accept": refusing(lambda images, labels: [True] * len(images))}),
        ("threads", {"threads": 2}),
    ],
)
def test_other_settings_are_refused_by_name(masks, tmp_path, name, change):
    store(tmp_path / "out", masks=masks, count=3)
    before = contents(tmp_path / "out")
    if name == "generator":
        change = {"generator": save_untrained(tmp_path / "other")}
    with pytest.raises(ValueError, match=rf"store of other settings \({name} was .*, is .*\): choose another folder"):
        store(tmp_path / "out", **{"masks": masks, "count": 3, **change})
    assert contents(tmp_path / "out") == before


def test_other_masks_are_refused(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=3)
    write_array(masks / "m1.png", blobs((20, 24), 9).numpy().astype(np.uint16))
    with pytest.raises(ValueError, match=r"other settings \(masks was"):
        store(tmp_path / "out", masks=masks, count=3)


def test_fewer_samples_than_there_are_are_refused(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=5)
    with pytest.raises(ValueError, match="samples up to number 5 already, count is 4: expected at least 5"):
        store(tmp_path / "out", masks=masks, count=4)


def test_a_folder_of_something_else_is_refused(masks, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").touch()
    with pytest.raises(ValueError, match=r"out holds notes\.txt and no store, expected a new or empty folder"):
        store(tmp_path / "out", masks=masks, count=3)


def test_a_file_is_no_folder(masks, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(ValueError, match="out is a file, expected a folder"):
        store(tmp_path / "out", masks=masks, count=3)


def test_a_folder_that_holds_the_masks_is_refused(masks, tmp_path):
    with pytest.raises(ValueError, match=r"the masks .* lie in"):
        store(tmp_path, masks=masks, count=3)


def test_a_second_run_at_the_same_time_is_refused(masks, tmp_path):
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out/.lock"), pytest.raises(ValueError, match=r"another run writes to .*: wait until"):
        store(tmp_path / "out", masks=masks, count=3)
    assert store(tmp_path / "out", masks=masks, count=3).drawn == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "neither masks nor a sampler is given, expected one or both"),
        ({"sampler": ProceduralNuclei()}, "size is None, expected two or three numbers .* pass --size"),
        ({"sampler": ProceduralNuclei(), "size": (8,)}, "size is .8,., expected two or three numbers"),
        ({"sampler": ProceduralNuclei(), "size": (8, 0)}, r"size\[1\] is 0, expected at least 1"),
        ({"masks": "masks", "size": (8, 8)}, "masks have sizes of their own: leave one of --size and --masks out"),
        ({"masks": "masks", "bits": 12}, "bits is 12, expected one of 8, 16, 32"),
        ({"masks": "masks", "count": 0}, "count is 0, expected at least 1"),
        ({"sampler": LabelDeformation(), "size": (16, 16)}, "LabelDeformation made no object in 32 empty masks"),
    ],
)
def test_settings_that_do_not_go_together(tmp_path, monkeypatch, given, message):
    write_masks(tmp_path / "masks")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        store(tmp_path / "out", **{"count": 2, **given})
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_missing_folder_of_masks_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--masks /.*nowhere does not exist"):
        store(tmp_path / "out", masks=tmp_path / "nowhere", count=2)


def test_one_wrong_mask_stops_before_anything_is_written(masks, tmp_path):
    write_array(masks / "z.tif", np.full((1, 8, 8), 0.5, np.float32))
    with pytest.raises(ValueError, match=r"z\.tif is no mask for this generator: .*holds 0\.5"):
        store(tmp_path / "out", masks=masks, count=2)
    assert contents(tmp_path / "out") == {}


def test_masks_of_zeros_and_ones_are_refused_for_a_sampler_that_numbers_objects(tmp_path):
    mask = np.zeros((1, 16, 16), np.uint8)
    mask[0, 2:5, 2:5] = mask[0, 9:12, 9:12] = mask[0, 2:5, 9:12] = 1
    write_array(tmp_path / "masks/a.png", mask)
    bank = InstanceBank.fit([blobs((16, 16), 0)])
    with pytest.raises(ValueError, match=r"a\.png is no mask for this sampler: .*binary=True"):
        store(tmp_path / "out", masks=tmp_path / "masks", sampler=bank, count=2)


def test_other_settings_may_follow_where_the_first_batch_failed(masks, tmp_path):
    numbered = ProceduralNuclei(radius=3.0, coverage=0.4)
    with pytest.raises(ValueError, match=r"expected classes 0\.\.2"):
        store(tmp_path / "out", generator=build(num_classes=2), masks=masks, sampler=numbered, count=2)
    assert store(tmp_path / "out", masks=masks, count=2).drawn == 2


def test_a_damaged_manifest_is_named(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=2)
    file = tmp_path / "out/manifest.json"
    file.write_text(file.read_text()[:50])
    with pytest.raises(ValueError, match=r"manifest\.json is no manifest of a store that can be read"):
        store(tmp_path / "out", masks=masks, count=2)


def test_a_full_disk_leaves_whole_samples_alone_and_the_store_goes_on(tmp_path):
    masks, whole = write_masks(tmp_path / "masks", size=(60, 80)), tmp_path / "whole"
    store(whole, masks=masks, count=6)
    room = max(len(content) for content in contents(whole).values()) // 2
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))  # files end there, as on a disk that is full
    try:
        with pytest.raises(OSError, match=f"Errno {errno.EFBIG}") as caught:
            store(tmp_path / "out", masks=masks, count=6)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert is_full(caught.value)
    left = contents(tmp_path / "out")
    assert "dataset.json" not in left
    assert not [name for name in left if name.split("/")[-1].startswith(".")]
    store(tmp_path / "out", masks=masks, count=6)
    assert contents(tmp_path / "out") == contents(whole)
