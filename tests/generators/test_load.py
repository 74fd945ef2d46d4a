from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from monai_genaug import load_generator, save_generator
from monai_genaug.generators.load import build_generator, find_generator
from tests.helpers import TINY, save_untrained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_untrained(tmp_path / "nuclei")


def rewrite(folder: Path, change) -> None:
    path = folder / "configs/network.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


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


def test_a_bare_name_finds_a_shipped_bundle_unless_a_folder_has_that_name(tmp_path, monkeypatch):
    save_untrained(tmp_path / "shipped" / "nuclei_x")
    monkeypatch.setattr("monai_genaug.generators.load.SHIPPED", (tmp_path / "none", tmp_path / "shipped"))
    monkeypatch.chdir(tmp_path)
    assert find_generator("nuclei_x") == (tmp_path / "shipped/nuclei_x").resolve()
    save_untrained(tmp_path / "nuclei_x")
    assert find_generator("nuclei_x") == (tmp_path / "nuclei_x").resolve()
    with pytest.raises(FileNotFoundError, match="no generator 'nuclei_y'"):
        find_generator("nuclei_y")


def test_a_missing_an_empty_and_a_foreign_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no generator .*nowhere"):
        load_generator(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no generator folder.*it holds nothing"):
        load_generator(tmp_path)
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(FileNotFoundError, match=r"it holds holiday\.jpg"):
        load_generator(tmp_path)


def test_truncated_weights_are_named(folder):
    path = folder / "models/model.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model\.pt cannot be read.*truncated"):
        load_generator(folder)


def test_weights_of_another_network_are_refused(folder):
    rewrite(folder, lambda config: config["network_def"].update(base_features=8))
    with pytest.raises(ValueError, match="of another network"):
        load_generator(folder)


def test_weights_with_a_payload_are_refused_and_not_run(folder, tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "harm",)

    torch.save({"x": Payload()}, folder / "models/model.pt")
    with pytest.raises(ValueError, match="cannot be read"):
        load_generator(folder)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "target",
    ["monai.utils.misc.run_cmd", "os.system", "torch.nn.Conv2d", "monai_genaug.generators.load.os.system", 3, None],
)
def test_targets_outside_the_registry_are_refused(folder, target):
    rewrite(folder, lambda config: config["generator"].update(extra={"_target_": target}))
    with pytest.raises(ValueError, match=r"_target_ .* is not allowed"):
        load_generator(folder)


@pytest.mark.parametrize("text", ["$print('run')", "$@network_def", "%file.yaml::x", "@a + 1", " $1", "<<x", "@$x"])
def test_expressions_and_macros_are_refused_wherever_they_stand(folder, text):
    rewrite(folder, lambda config: config.update(other=[{"deep": text}]))
    with pytest.raises(ValueError, match="is not allowed"):
        load_generator(folder)


@pytest.mark.parametrize("key", ["_mode_", "_requires_", "_disabled_", "+x", "~x", "a::b"])
def test_keys_that_monai_interprets_are_refused(folder, key):
    rewrite(folder, lambda config: config["network_def"].update({key: 1}))
    with pytest.raises(ValueError, match="is not allowed"):
        load_generator(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("&a [1, 1, 1, 1, 1, 1, 1, 1, 1]", None),
        ("[" * 3000, "no valid YAML"),
        ("&a [*a]", "more than 500 entries"),
        ("{_target_: [a]}", "_target_ .* is not allowed"),
    ],
    ids=["anchor", "depth", "cycle", "list as target"],
)
def test_configs_made_to_exhaust_the_loader_are_refused(folder, text, message):
    path = folder / "configs/network.yaml"
    path.write_text(path.read_text() + f"other: {text}\n")
    if message is None:
        load_generator(folder)
        return
    with pytest.raises(ValueError, match=message):
        load_generator(folder)


def test_an_alias_bomb_is_refused_at_once(folder):
    path = folder / "configs/network.yaml"
    lines = ["a0: &a0 [1, 1]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11))]
    path.write_text("\n".join([path.read_text(), *lines]))
    with pytest.raises(ValueError, match="more than 500 entries"):
        load_generator(folder)


@pytest.mark.parametrize("change", [{"levels": 100000}, {"base_features": -1}, {"in_channels": "one"}], ids=str)
def test_networks_that_cannot_be_built_are_refused(folder, change):
    rewrite(folder, lambda config: config["network_def"].update(change))
    with pytest.raises(ValueError, match=r"levels is|cannot be built"):
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


def test_a_config_that_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="not allowed"):
        save_generator(tmp_path / "g", {"network_def": "$1", "generator": {}}, {}, {})
    assert not (tmp_path / "g").exists()


def test_a_failed_save_keeps_the_earlier_weights(folder):
    before = (folder / "models/model.pt").read_bytes()
    with pytest.raises(AttributeError):
        save_generator(folder, TINY.network_config, {"x": "no tensor"}, {})
    assert (folder / "models/model.pt").read_bytes() == before
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "@nothing"}, "@nothing refers to nothing"),
        ({"network": "@generator"}, "@generator refers to nothing"),
        ({"colour": 3}, "cannot be built.*colour"),
    ],
    ids=["unknown", "cycle", "argument"],
)
def test_broken_references_and_arguments_are_named(folder, change, message):
    rewrite(folder, lambda config: config["generator"].update(change))
    with pytest.raises(ValueError, match=message):
        load_generator(folder)


def test_network_and_encoding_must_agree_on_channels():
    config = TINY.network_config
    config["network_def"]["in_channels"] = 2
    with pytest.raises(ValueError, match="encoding gives 1 channels, the network takes 2"):
        build_generator(config)
