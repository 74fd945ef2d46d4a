"""Mask samplers in files."""

from __future__ import annotations

import pytest

from monai_genaug.masks import InstanceBank, LabelDeformation, ProceduralLesions, ProceduralNuclei
from monai_genaug.store import read_sampler
from tests.helpers import blobs


def test_what_samplers_save_is_read_as_it_is(tmp_path):
    labels = [blobs((24, 24), number) for number in range(3)]
    InstanceBank.fit(labels, density=2.0).save(tmp_path / "bank.npz")
    ProceduralNuclei(radius=5.0).save(tmp_path / "nuclei.json")
    ProceduralLesions(value=3).save(tmp_path / "lesions.json")
    bank, nuclei, lesions = (read_sampler(tmp_path / name) for name in ("bank.npz", "nuclei.json", "lesions.json"))
    assert bank.sampler == InstanceBank.fit(labels, density=2.0)
    assert nuclei.sampler.populations[0].radius == 5.0
    assert list(lesions.sampler.classes) == [3]
    assert nuclei.config == {
        "_target_": "monai_genaug.masks.procedural.load_procedural",
        "path": str(tmp_path / "nuclei.json"),
    }


@pytest.mark.parametrize("head", ["", "mask_sampler:\n  "])
def test_yaml_is_read_as_in_the_configs_of_bundles(tmp_path, head):
    InstanceBank.fit([blobs((24, 24), 0)]).save(tmp_path / "bank.npz")
    text = f"{{_target_: monai_genaug.masks.bank.load_bank, path: {tmp_path}/bank.npz, density: 0.5}}\n"
    (tmp_path / "sampler.yaml").write_text(head + text)
    assert read_sampler(tmp_path / "sampler.yaml").sampler.density == 0.5


def test_a_sampler_of_the_users_own_is_taken(tmp_path):
    (tmp_path / "sampler.yaml").write_text("_target_: tests.store.test_samplers.Own\nflip: 0.0\n")
    assert read_sampler(tmp_path / "sampler.yaml").sampler.flip == 0.0


class Own(LabelDeformation):
    """A class of the user's."""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.yaml", "flip: 0.5", r"s\.yaml has no entry _target_, expected a mask sampler such as"),
        ("s.yaml", "[1, 2]", "has no entry _target_"),
        ("s.yaml", "", "has no entry _target_"),
        ("s.yaml", "{_target_: [", r"s\.yaml cannot be read \("),
        ("s.json", "{", r"s\.json cannot be read \("),
        ("s.json", '{"monai_genaug": "cats"}', "has no entry _target_"),
        ("s.yaml", "_target_: monai_genaug.masks.LabelDeformation\nflip: 2.0", "cannot be made: flip is 2.0, expected"),
        ("s.yaml", "_target_: monai_genaug.masks.Nothing", "cannot be made: "),
        ("s.yaml", "_target_: collections.Counter", "describes a Counter, expected a mask sampler"),
        ("s.npz", "no zip", r"cannot be made: .*s\.npz holds no bank"),
    ],
)
def test_what_describes_no_sampler_is_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_sampler(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml does not exist, expected a mask sampler, such as YAML"):
        read_sampler(tmp_path / "nowhere.yaml")
