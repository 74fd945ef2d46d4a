"""Records of what is done: damaged and missing files are found, and made again."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from monai_genaug.store.records import count_recorded, read_record
from tests.store.made import contents, store, write_masks


@pytest.fixture
def whole(tmp_path) -> Path:
    store(tmp_path / "out", masks=write_masks(tmp_path / "masks"), count=5)
    return tmp_path / "out"


def again(folder: Path, **more) -> None:
    store(folder, masks=folder.parent / "masks", count=5, **more)


def one(folder: Path, kind: str) -> Path:
    return sorted((folder / kind).iterdir())[0]


@pytest.mark.parametrize("kind", ["images", "labels", "records"])
@pytest.mark.parametrize("way", ["truncated", "gone"])
def test_what_is_truncated_or_gone_is_made_again(whole, kind, way, caplog):
    before, file = contents(whole), one(whole, kind)
    if way == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-9])
    with caplog.at_level(logging.WARNING):
        again(whole)
    assert contents(whole) == before
    assert (str(file) in caplog.text) == ((kind, way) != ("records", "gone"))


def test_what_holds_something_else_is_made_again_if_it_is_looked_for(whole, caplog):
    before, file = contents(whole), one(whole, "images")
    damaged = bytearray(file.read_bytes())
    damaged[-20] ^= 1
    file.write_bytes(damaged)
    again(whole)
    assert contents(whole) != before
    again(whole, verify=True)
    assert contents(whole) == before
    assert f"{file} does not hold what was written: its batch is made again" in caplog.text


def test_records_tell_number_seed_and_hashes_of_each_sample(whole):
    samples = [sample for batch in range(3) for sample in read_record(whole, batch, range(2 * batch, 2 * batch + 1))]
    assert [sample["index"] for sample in samples] == [0, 2, 4]
    assert {len(sha) for sample in samples for sha in sample["sha256"]} == {64}


def test_a_batch_that_lacks_samples_is_not_done(whole):
    assert read_record(whole, 2, [4]) is not None
    assert read_record(whole, 2, [4, 5]) is None
    assert read_record(whole, 3, [6]) is None


def test_the_last_recorded_sample_counts(whole):
    assert count_recorded(whole) == 5
    (whole / "records/000002.json").write_text("{}")
    assert count_recorded(whole) == 4
    assert count_recorded(whole / "images") == 0


def test_a_record_without_hashes_is_damaged(whole):
    file = whole / "records/000000.json"
    record = json.loads(file.read_text())
    del record["samples"][0]["sha256"]
    file.write_text(json.dumps(record))
    assert read_record(whole, 0, [0, 1]) is None
