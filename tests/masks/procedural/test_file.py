"""Tests of files of populations: what is written is read, what is damaged is named."""

from __future__ import annotations

import json

import pytest

from monai_genaug.masks.procedural.file import read_populations, write_populations
from monai_genaug.masks.procedural.populations import Population

POPULATIONS = [Population(), Population(radius=4.5, coverage=0.0)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new" / "nuclei.json"
    write_populations(path, "nuclei", POPULATIONS, {"jitter": 0.1})
    return path


def test_populations_and_settings_read_back(path):
    assert read_populations(path, "nuclei", Population) == (POPULATIONS, {"jitter": 0.1})
    assert [file.name for file in path.parent.iterdir()] == ["nuclei.json"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.json does not exist"):
        read_populations(tmp_path / "gone.json", "nuclei", Population)


def test_a_truncated_file_is_named(path):
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match=r"nuclei\.json is no valid JSON .*: fit the sampler again and save it"):
        read_populations(path, "nuclei", Population)


def test_what_is_no_text_is_named(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"nuclei\.json is no valid JSON"):
        read_populations(path, "nuclei", Population)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"monai_genaug": "lesions"}, "holds no populations of nuclei of version 1"),
        ({"version": 2}, "holds no populations of nuclei of version 1"),
        ({"settings": None}, "lacks its settings or its list"),
        ({"populations": {}}, "lacks its settings or its list"),
        ({"populations": [{"radius": -1.0}]}, "a population that cannot be .radius is -1.0"),
        ({"populations": [{"size": 1.0}]}, "a population that cannot be .*size"),
        ({"populations": [{"radius": "9"}]}, "a population that cannot be"),
        ({"populations": [3]}, "a population that cannot be"),
    ],
    ids=str,
)
def test_damage_is_named(path, change, message):
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        read_populations(path, "nuclei", Population)


def test_a_list_is_no_file_of_populations(path):
    path.write_text("[]")
    with pytest.raises(ValueError, match="holds no populations"):
        read_populations(path, "nuclei", Population)
