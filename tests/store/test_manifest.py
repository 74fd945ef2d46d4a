"""The manifest of a store."""

from __future__ import annotations

import json
import logging

import pytest

from monai_genaug.store.manifest import begin_manifest, end_manifest, goes_on, read_manifest
from monai_genaug.store.records import write_record

SETTINGS = {"seed": 1, "bits": None}


def test_what_was_begun_is_read_and_ended(tmp_path):
    begin_manifest(tmp_path, SETTINGS, {"generator": "g"})
    assert "digest" not in read_manifest(tmp_path)
    whole = end_manifest(tmp_path, {"digest": "d"})
    assert (whole["digest"], whole["settings"], whole["made_of"]) == ("d", SETTINGS, {"generator": "g"})
    assert read_manifest(tmp_path) == whole


def test_an_equal_end_is_not_written_again(tmp_path):
    begin_manifest(tmp_path, SETTINGS, {})
    end_manifest(tmp_path, {"digest": "d"})
    before = (tmp_path / "manifest.json").stat().st_ino
    end_manifest(tmp_path, {"digest": "d"})
    assert (tmp_path / "manifest.json").stat().st_ino == before


def test_a_store_without_a_sample_may_begin_again_with_other_settings(tmp_path):
    assert not goes_on(tmp_path, SETTINGS, 3)
    begin_manifest(tmp_path, SETTINGS, {})
    assert not goes_on(tmp_path, {"seed": 2}, 3)
    write_record(tmp_path, 0, [{"index": 0, "refused": True}])
    assert goes_on(tmp_path, SETTINGS, 3)
    with pytest.raises(ValueError, match=r"other settings \(seed was 1, is 2\)"):
        goes_on(tmp_path, {"seed": 2, "bits": None}, 3)


def test_images_without_a_record_count_as_a_sample(tmp_path):
    begin_manifest(tmp_path, SETTINGS, {})
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").touch()
    with pytest.raises(ValueError, match="other settings"):
        goes_on(tmp_path, {"seed": 2, "bits": None}, 3)


def test_other_versions_are_told(tmp_path, caplog):
    begin_manifest(tmp_path, SETTINGS, {})
    write_record(tmp_path, 0, [{"index": 0, "refused": True}])
    content = read_manifest(tmp_path)
    content["versions"]["PyTorch"] = "1.0"
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING):
        assert goes_on(tmp_path, SETTINGS, 3)
    assert 'PyTorch was "1.0", is' in caplog.text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99, "settings": {}}', '{"format": 1, "settings": 3}'])
def test_what_is_no_manifest_is_named(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"manifest\.json is no manifest of a store that can be read"):
        read_manifest(tmp_path)
