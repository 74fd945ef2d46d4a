"""Every piece of code and every command of the README."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from monai_genaug import cli
from monai_genaug.data import write_array
from monai_genaug.phantoms import nuclei_phantom
from tests.helpers import save_untrained

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Give the fenced blocks of a language, those within lists too."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, flags=re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with my_data and my_generator."""
    for number in range(5):
        image, label = nuclei_phantom((48, 64), seed=number)
        write_array(tmp_path / f"my_data/images/{number}.png", np.round(255 * image).astype(np.uint8))
        write_array(tmp_path / f"my_data/labels/{number}.png", label)
    save_untrained(tmp_path / "my_generator")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_chain_runs_and_replaces_about_three_samples_in_ten(desk):
    scope: dict = {}
    exec(blocks("python")[0], scope)
    chain = scope["chain"].set_random_state(seed=0)
    item = {key: f"my_data/{key}s/0.png" for key in ("image", "label")}
    applied = [chain(item)["image"].meta["genaug"]["applied"] for _ in range(60)]
    assert 0.1 < np.mean(applied) < 0.5


def test_a_network_of_ones_own_augments():
    scope: dict = {}
    exec(blocks("python")[1], scope)
    augment = scope["augment"].set_random_state(seed=0)
    images = [augment({"image": torch.zeros(1, 8, 8), "label": torch.ones(1, 8, 8)})["image"] for _ in range(20)]
    assert 0 < sum(image.std().item() > 0 for image in images) < 20


def commands() -> list[str]:
    in_blocks = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [*in_blocks, *re.findall(r"`(monai-genaug [^`]*data/[^`]*)`", README)]


def test_the_make_targets_exist_and_ci_runs_them():
    makefile, ci = (ROOT / "Makefile").read_text(), (ROOT / ".ci/run").read_text()
    targets = [command.split()[1] for command in commands() if command.startswith("make ")]
    assert targets == ["demo", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
        assert f"make {target}" in ci


def test_the_commands_of_the_three_steps_run_in_their_order(desk):
    """Trainings are made tiny by what is said last; the demo, which CI runs as `make demo`, is left out."""
    shutil.rmtree(desk / "my_generator")
    steps = [block for block in blocks("sh") if "my_data" in block and not re.search(" (demo|benchmark) ", block)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for lines in steps:
        script = "set -e\n" + "\n".join(map(shrink, lines.strip().splitlines()))
        done = subprocess.run(
            ["bash", "-c", script], check=False, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{script}\n{done.stderr[-3000:]}"
    assert {"my_generator/models/model.pt", "preview.png", "my_unet/models/model.pt"} <= {
        path.relative_to(desk).as_posix() for path in desk.rglob("*")
    }


def shrink(command: str) -> str:
    settings = {"epochs": 1, "iterations_per_epoch": 1, "batch_size": 2, "crop_size": 32}
    if command.startswith("monai-genaug train"):
        return " ".join([command, *(f"--set {key}={value}" for key, value in settings.items())])
    if command.startswith("python -m monai.bundle run"):  # the same training again: it is finished already
        return " ".join([command, *(f"--{key} {value}" for key, value in settings.items())])
    return command


@pytest.mark.parametrize("command", [c for c in commands() if re.match("monai-genaug (demo|fetch|benchmark) ", c)])
def test_the_command_line_takes_what_the_readme_says(desk, command, monkeypatch):
    calls = []

    def record(name):
        def call(*args, **kwargs):
            calls.append((name, args, kwargs))
            raise ValueError("recorded")

        return call

    monkeypatch.setattr("monai_genaug.benchmark.demo.run_demo", record("demo"))
    monkeypatch.setattr("monai_genaug.data.fetch", record("fetch"))
    monkeypatch.setattr("monai_genaug.benchmark.kinds.run_benchmark", record("benchmark"))
    done = CliRunner().invoke(cli.app, shlex.split(command)[1:])
    assert (done.exit_code, "recorded" in done.output) == (2, True)
    assert [call[0] for call in calls] == [command.split()[1]]


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\(((?!http)[^)#]+)(?:#[^)]*)?\)", README):
        assert (ROOT / target).exists(), target
