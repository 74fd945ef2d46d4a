"""Every command of every bundle's README, in its order, as a subprocess, on tiny data; every piece of its Python."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from monai_genaug.generators.folders import list_bundles
from monai_genaug.phantoms import write_nuclei_dataset
from monai_genaug.training.bundle import read_configs, trains_generator
from monai_genaug.training.settings import check_setting
from tests.bundles.commands import run_bundle

BUNDLES = Path(__file__).parents[2] / "bundles"
NAMES = [bundle.name for bundle in list_bundles() if "can be trained" in bundle.use]
BUNDLE = "python -m monai.bundle "
FRESH = ("nuclei_pix2pix",)  # whose commands are all run in a new interpreter
TINY = {"epochs": 1, "iterations_per_epoch": 2, "batch_size": 2, "crop_size": 32}
GENERATOR = {  # what a README's commands leave behind, beside what git has
    "output/models/model.pt",
    "output/samples/epoch_0001.png",
    "../output_elsewhere/models/model.pt",
    "output_cli/models/model.pt",
    "output_torchrun/models/model.pt",
    "synthetic/dataset.json",
    "scores/metrics.csv",
    "model.ts",
}
WRITES = {
    "nuclei_cyclegan": {
        *GENERATOR,
        "output_full/models/model.pt",
        "output_drawn/models/model.pt",
        "pairs/dataset.json",
        "output_unet/models/model.pt",
    },
    "nuclei_unet": {
        "output/models/model.pt",
        "output_genaug/models/model.pt",
        "output_batch/models/model.pt",
        "bank.npz",
        "output_bank/models/model.pt",
        "output_dynunet/models/model.pt",
        "output_torchrun/models/model.pt",
        "output/evaluation/dice_raw.csv",
        "masks/test_000.png",
        "model.ts",
    },
}
NARROW = {"blocks": 1, "base_features": 4, "discriminator_features": 4}  # of the paper's CycleGAN


def blocks(name: str, language: str) -> list[str]:
    text = (BUNDLES / name / "docs/README.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def commands(name: str) -> list[str]:
    return [line for block in blocks(name, "sh") for line in block.splitlines() if line.strip()]


def shrink(command: str) -> str:
    """Make a training tiny: what is said last counts."""
    if "monai-genaug train" in command:
        return " ".join([command, *(f"--set {key}={value}" for key, value in TINY.items())])
    if "monai.bundle run" in command and not re.search("evaluate.yaml|inference.yaml", command):
        inner = command.strip("()")
        small = {**TINY, **(NARROW if "full.yaml" in command else {})}
        return " ".join([inner, *(f"--{key} {value}" for key, value in small.items())])
    if "shared/evaluate.yaml" in command:
        return f"{command} --patch_size 8"
    return command


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.timeout(900)
def test_every_command_of_the_readme_runs(name, tmp_path):
    shutil.copytree(BUNDLES, tmp_path / "bundles")
    folder = tmp_path / "bundles" / name
    write_nuclei_dataset(folder / "data", counts={"training": 4, "validation": 1, "test": 2}, spatial_size=(48, 48))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    for number, command in enumerate(commands(name)):
        if command.startswith(BUNDLE) and name not in FRESH:
            run_bundle(shlex.split(shrink(command))[len(BUNDLE.split()) :], folder, tmp_path / f"{number}.log")
            continue
        done = subprocess.run(  # noqa: PLW1510  # the assertion below says more
            ["bash", "-c", shrink(command)], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    assert not [file for file in WRITES.get(name, GENERATOR) if not (folder / file).is_file()]
    assert isinstance(torch.jit.load(folder / "model.ts"), torch.nn.Module)


@pytest.mark.parametrize("name", [name for name in NAMES if trains_generator(name)])
def test_the_python_of_the_generators_readme_runs(name):
    scope: dict = {}
    for block in blocks(name, "python"):
        exec(block, scope)
    sample = scope["augment"].set_random_state(seed=0)({"label": torch.ones(1, 32, 32), "image": torch.rand(1, 32, 32)})
    assert sample["image"].meta["genaug"]["generator"] == name


@pytest.mark.parametrize("name", [name for name in NAMES if trains_generator(name)])
def test_generators_can_be_built_with_every_row_of_the_table_of_settings(name):
    text = (BUNDLES / name / "docs/README.md").read_text()
    rows = re.findall(r"^\| (.+?) \| `(--[^`]+)` \|$", text, flags=re.MULTILINE)
    assert len(rows) >= 4
    for use, flags in rows:
        pairs = dict(part.split(maxsplit=1) for part in re.split(r"(?:^| )--", flags) if part)
        parser = read_configs(name)
        for key, value in pairs.items():
            check_setting(key, yaml.safe_load(value.strip('"')) if value[0] != "@" else value, parser, name)
            parser[key] = value if value[0] == "@" else yaml.safe_load(value.strip('"'))
        generator = parser.get_parsed_content("generator")
        assert generator.spatial_dims == int(pairs.get("spatial_dims", 2)), use
        assert int(parser["crop_size"]) >= generator.least_size, use


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_shows_each_kind_of_use(name):
    text = "\n".join(commands(name))
    for part in ("train.yaml", "torchrun", "monai-genaug train", "verify_metadata", "verify_net_in_out", "ckpt_export"):
        assert part in text
