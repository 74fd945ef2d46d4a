from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from monai_genaug import load_generator, save_generator
from monai_genaug.generators import digest_of
from monai_genaug.generators.folders import WEIGHTS_FILE
from tests.helpers import build, rewrite


def test_saving_writes_a_bundle_and_loading_gives_it_back_in_eval_mode(folder):
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == {
        "configs/network.yaml",
        "configs/metadata.json",
        "models/model.pt",
    }
    assert {"genaug_version", "monai_version", "pytorch_version"} <= json.loads(
        (folder / "configs/metadata.json").read_text()
    ).keys()
    assert not load_generator(folder).training


def test_loading_leaves_the_global_random_state_alone(folder):
    before = torch.get_rng_state()
    load_generator(folder)
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_weights_are_loaded_as_float32(folder):
    path = folder / "models/model.pt"
    state = torch.load(path, weights_only=True)
    torch.save({key: value.half() if value.is_floating_point() else value for key, value in state.items()}, path)
    assert {p.dtype for p in load_generator(folder).parameters()} == {torch.float32}


def test_truncated_weights_are_named(folder):
    path = folder / "models/model.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model\.pt cannot be read.*truncated"):
        load_generator(folder)


def test_weights_of_another_network_are_refused(folder):
    rewrite(folder, lambda config: config["network_def"].update(base_features=8))
    with pytest.raises(ValueError, match="of another network"):
        load_generator(folder)


@pytest.mark.parametrize("change", [{"levels": 100000}, {"base_features": -1}, {"in_channels": "one"}], ids=str)
def test_networks_that_cannot_be_built_are_refused(folder, change):
    rewrite(folder, lambda config: config["network_def"].update(change))
    with pytest.raises(ValueError, match=r"levels is|base_features is|cannot be built"):
        load_generator(folder)


def test_an_empty_weights_file_is_refused(folder):
    (folder / "models/model.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="may be truncated"):
        load_generator(folder)


def test_a_config_that_is_no_yaml_or_lacks_its_parts_is_refused(folder):
    path = folder / "configs/network.yaml"
    path.write_text("a: [1")
    with pytest.raises(ValueError, match="no valid YAML"):
        load_generator(folder)
    path.write_text("network_def: {}")
    with pytest.raises(ValueError, match="must define 'network_def' and 'generator'"):
        load_generator(folder)
    path.write_text("network_def: 1\ngenerator: {_target_: monai_genaug.masks.encodings.BinaryEncoding}")
    with pytest.raises(ValueError, match="builds a BinaryEncoding, no generator"):
        load_generator(folder)


def test_a_failed_save_keeps_the_earlier_weights(folder):
    before = (folder / WEIGHTS_FILE).read_bytes()
    with pytest.raises(AttributeError):
        save_generator(folder, build(), weights={"x": "no tensor"})
    assert (folder / WEIGHTS_FILE).read_bytes() == before
    assert not list(folder.rglob("*.tmp"))


def test_other_weights_and_metadata_can_be_saved(tmp_path):
    generator, averaged = build(), build()
    folder = save_generator(
        tmp_path / "g", generator, weights=averaged.network.half().state_dict(), metadata={"name": "a", "at": Path("x")}
    )
    loaded = load_generator(folder).get_submodule("network").state_dict()
    assert all(torch.equal(loaded[key], value.to(loaded[key])) for key, value in averaged.network.state_dict().items())
    metadata = json.loads((folder / "configs/metadata.json").read_text())
    assert (metadata["name"], metadata["at"]) == ("a", "x")


def test_equal_generators_have_equal_files_whatever_process_wrote_them(tmp_path, monkeypatch):
    generator = build()
    first = save_generator(tmp_path / "a", generator)
    monkeypatch.setattr("os.getpid", lambda: 4711)
    second = save_generator(tmp_path / "b", generator)
    assert digest_of(first) == digest_of(second)
