from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
import yaml

from monai_genaug import ModuleGenerator, load_generator, save_generator
from monai_genaug.generators import Pix2PixGenerator, build_generator, describe_generator
from monai_genaug.generators.folders import NETWORK_FILE, WEIGHTS_FILE, find_bundle, find_generator
from monai_genaug.masks import BinaryEncoding
from monai_genaug.networks import Pix2PixUNet
from tests.helpers import build, save_untrained


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
    monkeypatch.setattr("monai_genaug.generators.folders.SHIPPED", (tmp_path / "none", tmp_path / "shipped"))
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

    state = torch.load(folder / WEIGHTS_FILE, weights_only=True)
    torch.save({**state, "x": Payload()}, folder / WEIGHTS_FILE)
    with pytest.raises(ValueError, match="cannot be read"):
        load_generator(folder)
    (folder / WEIGHTS_FILE).write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ValueError, match="cannot be read"):
        load_generator(folder)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", [NETWORK_FILE, WEIGHTS_FILE])
def test_a_link_out_of_the_folder_is_refused(folder, tmp_path, name):
    secret = (folder / name).rename(tmp_path / "secret")
    (folder / name).symlink_to(secret)
    with pytest.raises(ValueError, match=rf"{name} is a link to {secret}, outside the generator's folder: copy"):
        load_generator(folder)


@pytest.mark.parametrize("name", [NETWORK_FILE, WEIGHTS_FILE])
def test_a_linked_folder_inside_that_leads_out_is_refused(folder, tmp_path, name):
    inner = (folder / name).parent.rename(tmp_path / "elsewhere")
    (folder / name).parent.symlink_to(inner)
    with pytest.raises(ValueError, match="outside the generator's folder"):
        load_generator(folder)


def test_links_that_stay_inside_and_a_link_to_the_whole_folder_are_fine(folder, tmp_path):
    (folder / WEIGHTS_FILE).rename(folder / "models/epoch_3.pt")
    (folder / WEIGHTS_FILE).symlink_to("epoch_3.pt")
    (tmp_path / "latest").symlink_to(folder)
    assert find_generator(tmp_path / "latest") == folder.resolve()
    assert load_generator(tmp_path / "latest").name == "Pix2PixGenerator"


@pytest.mark.parametrize(
    "target",
    [
        "monai.utils.misc.run_cmd",
        "os.system",
        "monai_genaug.generators.load.os.system",
        "monai_genaug.generators.load.torch.os.system",
        "subprocess.run",
        "builtins.eval",
        "torch.nn.Conv2d",
        "Pix2PixUNet",
        " monai_genaug.networks.pix2pix_unet.Pix2PixUNet",
        3,
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["argument", "network", "top", "list"])
def test_targets_outside_the_registry_are_refused_wherever_they_stand(folder, tmp_path, target, place):
    planted = {"_target_": target, "cmd_list": ["touch", str(tmp_path / "harm")], "command": f"touch {tmp_path}/harm"}
    places = {
        "argument": lambda config: config["generator"].update(encoding=planted),
        "network": lambda config: config.update(network_def=planted),
        "top": lambda config: config.update(other=planted),
        "list": lambda config: config["network_def"].update(levels=[[planted]]),
    }
    rewrite(folder, places[place])
    with pytest.raises(ValueError, match=r"_target_ .* is not allowed"):
        load_generator(folder)
    assert not (tmp_path / "harm").exists()


def test_yaml_tags_that_build_objects_are_refused(folder, tmp_path):
    path = folder / NETWORK_FILE
    path.write_text(path.read_text() + f"other: !!python/object/apply:os.system ['touch {tmp_path}/harm']\n")
    with pytest.raises(ValueError, match="no valid YAML"):
        load_generator(folder)
    assert not (tmp_path / "harm").exists()


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


class ForeignUNet(Pix2PixUNet):
    """A user's own network."""


def foreign_network() -> Pix2PixGenerator:
    return Pix2PixGenerator(ForeignUNet(2, 1, 1, levels=2, base_features=4), BinaryEncoding())


def own_module() -> ModuleGenerator:
    return ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1, encoding=BinaryEncoding())


@pytest.mark.parametrize("make", [foreign_network, own_module])
def test_a_generator_that_could_not_be_loaded_is_neither_described_nor_saved(tmp_path, make):
    generator = make()
    with pytest.raises(ValueError, match="cannot be"):
        describe_generator(generator)
    with pytest.raises(ValueError, match="cannot be"):
        save_generator(tmp_path / "g", generator)
    assert not (tmp_path / "g").exists()


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


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"spatial_dims": 3, "image_channels": 2},
        {"num_classes": 3, "norm": "instance"},
        {"latent_channels": 0, "smooth_channels": 0, "noise_channels": 0, "dropout": 0.0},
    ],
    ids=["plain", "3d", "one-hot", "no noise"],
)
def test_a_description_builds_the_same_generator(kwargs):
    generator = build(**kwargs)
    again = build_generator(describe_generator(generator))
    assert describe_generator(again) == describe_generator(generator)
    assert {key: value.shape for key, value in again.state_dict().items()} == {
        key: value.shape for key, value in generator.state_dict().items()
    }
    assert (again.spatial_dims, again.image_channels, again.condition_channels, again.stride) == (
        generator.spatial_dims,
        generator.image_channels,
        generator.condition_channels,
        generator.stride,
    )


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
    config = describe_generator(build())
    config["network_def"]["in_channels"] = 2
    with pytest.raises(ValueError, match="encoding gives 1 channels, the network takes 2"):
        build_generator(config)


def test_a_bundle_that_can_be_trained_is_found_by_name_and_by_folder(tmp_path, monkeypatch):
    (tmp_path / "shipped/mine/configs").mkdir(parents=True)
    (tmp_path / "shipped/mine/configs/train.yaml").touch()
    (tmp_path / "shipped/mine/configs/network.yaml").touch()
    monkeypatch.setattr("monai_genaug.generators.folders.SHIPPED", (tmp_path / "none", tmp_path / "shipped"))
    monkeypatch.chdir(tmp_path)
    assert find_bundle("mine") == find_bundle(tmp_path / "shipped/mine") == tmp_path / "shipped/mine"
    with pytest.raises(FileNotFoundError, match=r"no bundle 'yours': expected one of mine, or a folder with"):
        find_bundle("yours")


def test_a_bundle_that_was_not_trained_yet_is_no_generator(folder):
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(FileNotFoundError, match=r"nuclei is no generator folder: models/model\.pt missing"):
        load_generator(folder)


def test_the_configs_of_a_shipped_bundle_are_a_generators():
    config = yaml.safe_load((find_bundle("nuclei_pix2pix") / NETWORK_FILE).read_text())
    assert isinstance(build_generator(config), Pix2PixGenerator)


@pytest.mark.parametrize("name", ["../nuclei", "a/b", "nuclei;ls", ""])
def test_what_is_no_bare_name_is_not_looked_for_among_shipped_bundles(tmp_path, monkeypatch, name):
    save_untrained(tmp_path / "nuclei")
    (tmp_path / "shipped").mkdir()
    monkeypatch.setattr("monai_genaug.generators.folders.SHIPPED", (tmp_path / "shipped",))
    monkeypatch.chdir(tmp_path / "shipped")
    if name == "../nuclei":
        assert find_generator(name) == tmp_path / "nuclei"
        return
    with pytest.raises(FileNotFoundError):
        find_generator(name)
