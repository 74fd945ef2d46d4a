"""Tests of banks in files: what comes back, what is damaged or foreign."""

from __future__ import annotations

import json

import numpy as np
import pytest
from monai.bundle import ConfigParser

from monai_genaug.masks.bank import InstanceBank, load_bank
from monai_genaug.masks.bank.file import KINDS
from tests.masks.drawn import class_map, nuclei


@pytest.fixture(scope="module")
def bank() -> InstanceBank:
    labels = [nuclei(seed, (48, 48), 5) for seed in range(2)]
    return InstanceBank.fit(labels, [label > 0 for label in labels], paste_images=True, density=1.5, touching=0.25)


@pytest.fixture
def path(bank, tmp_path):
    bank.save(tmp_path / "bank.npz")
    return tmp_path / "bank.npz"


def rewrite(path, **changed) -> None:
    """Change arrays of a file; None takes one away."""
    with np.load(path) as file:
        arrays = {**file, **changed}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


def test_a_saved_bank_comes_back_equal_and_makes_equal_maps(bank, path):
    again = InstanceBank.load(path)
    assert again == bank
    label = np.zeros((1, 40, 40), np.uint8)
    assert np.array_equal(again.set_random_state(seed=3)(label), bank.set_random_state(seed=3)(label))


def test_settings_may_be_changed_when_loading(bank, path):
    again = load_bank(path, touching=None, keep=True)
    assert (again.touching, again.keep, again.density) == (None, True, 1.5)
    assert again.store.digest == bank.store.digest


def test_saving_leaves_one_file_and_makes_folders(bank, tmp_path):
    bank.save(tmp_path / "new" / "bank.npz")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["bank.npz"]


def test_a_configuration_of_monai_can_name_a_bank(path):
    parser = ConfigParser(
        {"sampler": {"_target_": "monai_genaug.masks.bank.load_bank", "path": str(path), "small": 0.5}}
    )
    sampler = parser.get_parsed_content("sampler")
    assert isinstance(sampler, InstanceBank)
    assert sampler.small == 0.5


def test_a_bank_of_classes_comes_back(tmp_path):
    bank = InstanceBank.fit([class_map(0, (4, 2))], instances=False, rare=0.5, rotate=0.2)
    bank.save(tmp_path / "bank.npz")
    assert InstanceBank.load(tmp_path / "bank.npz") == bank


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no bank at .*none.npz"):
        load_bank(tmp_path / "none.npz")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_gives_one_clear_error(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"bank\.npz holds no bank that can be read"):
        load_bank(path)


def test_changed_bytes_give_one_clear_error(path):
    content = bytearray(path.read_bytes())
    for start in range(200, len(content), 97):
        content[start] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no bank that can be read"):
        load_bank(path)


class Trap:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("the file ran code",))


@pytest.mark.parametrize("kind", ["text", "other arrays", "one array", "pickled", "pickled inside"])
def test_a_foreign_file_gives_one_clear_error_and_runs_nothing(path, kind):
    import pickle

    if kind == "text":
        path.write_text("no bank")
    elif kind == "other arrays":
        np.savez(path, a=np.ones(3))
    elif kind == "one array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    elif kind == "pickled":
        path.write_bytes(pickle.dumps(Trap()))
    else:
        rewrite(path, areas=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match="holds no bank that can be read"):
        load_bank(path)


@pytest.mark.parametrize("name", [*KINDS, "format", "settings"])
def test_every_array_is_needed(path, name):
    rewrite(path, **{name: None})
    with pytest.raises(ValueError, match="holds no bank that can be read"):
        load_bank(path)


@pytest.mark.parametrize("name", [name for name, (_, dims) in KINDS.items() if dims])
def test_an_array_of_another_length_or_type_is_noticed(path, name):
    with np.load(path) as file:
        value = file[name]
    for wrong in (value[:-1], value.astype(complex), value[None]):
        rewrite(path, **{name: wrong})
        with pytest.raises(ValueError, match="holds no bank that can be read"):
            load_bank(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("boxes", -1), ("areas", 0), ("classes", 0), ("sizes", 0), ("counts", -1), ("touching", 2), ("cut", np.nan)],
)
def test_values_out_of_range_are_noticed(path, name, value):
    with np.load(path) as file:
        array = file[name].copy()
    array[0] = value
    rewrite(path, **{name: array})
    with pytest.raises(ValueError, match="holds no bank that can be read"):
        load_bank(path)


@pytest.mark.parametrize("settings", ["[]", "{", {"flip": 0.5}, {"flip": "0.5"}, {"flip": {}}, {"more": 1}], ids=str)
def test_settings_of_another_kind_are_noticed(bank, path, settings):
    if isinstance(settings, dict) and settings != {"flip": 0.5}:
        settings = {**bank.settings, **settings}
    rewrite(path, settings=np.array(settings if isinstance(settings, str) else json.dumps(settings)))
    with pytest.raises(ValueError, match="holds no bank that can be read"):
        load_bank(path)


def test_a_setting_out_of_range_in_a_file_is_named(bank, path):
    rewrite(path, settings=np.array(json.dumps({**bank.settings, "flip": 7})))
    with pytest.raises(ValueError, match="flip is 7"):
        load_bank(path)
