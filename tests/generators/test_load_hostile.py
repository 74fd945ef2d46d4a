"""What must not run when a stranger's generator folder is loaded."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from monai_genaug import load_generator
from monai_genaug.generators.folders import NETWORK_FILE, WEIGHTS_FILE
from tests.helpers import rewrite


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
