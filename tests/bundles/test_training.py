"""Training of bundles in processes of their own: several at once, killed and gone on with, interchangeable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from monai_genaug import load_generator
from monai_genaug.training import train_bundle
from monai_genaug.training.bundle import config_files
from tests.bundles.commands import run_bundle, start_bundle
from tests.helpers import TINY_BUNDLES, write_pairs

BUNDLES = Path(__file__).parents[2] / "bundles"
BIN = Path(sys.executable).parent
NO_CHANCE = {  # nothing is drawn but crops and flips, which do not depend on the number of processes
    "nuclei_pix2pix": {
        "network_def#norm": "instance",  # batch norm would see the batch's parts apart
        "network_def#dropout": 0,
        "network_def#latent_channels": 0,
        "network_def#smooth_channels": 0,
        "network_def#noise_channels": 0,
        "lambda_mode_seeking": 0,
        "instance_noise": 0,
    },
    "nuclei_cyclegan": {
        "to_image#latent_channels": 0,
        "to_image#smooth_channels": 0,
        "to_image#noise_channels": 0,
        "lambda_mode_seeking": 0,
        "lambda_mask": 0,
        "cycle_noise": 0,
        "pool_size": 0,
    },
    "nuclei_spade": {
        "network_def#norm": "instance",
        "network_def#latent_channels": 0,
        "network_def#smooth_channels": 0,
        "network_def#noise_channels": 0,
        "lambda_mode_seeking": 0,
        "instance_noise": 0,
    },
}
LOSS = {"nuclei_pix2pix": "g_l1", "nuclei_cyclegan": "g_cycle_image", "nuclei_spade": "g_features"}  # others: loss


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "data", 5, (24, 32))


def flags(settings: dict) -> list[str]:
    return [part for key, value in settings.items() for part in (f"--{key}", str(value))]


def configs(bundle: str, *names: str) -> str:
    return str([str(file) for file in config_files(bundle)] + [str(BUNDLES / "shared" / name) for name in names])


def start(arguments: list[str]) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(arguments: list[str]) -> str:
    process = start(arguments)
    output = process.communicate(timeout=240)[0]
    assert process.returncode == 0, output[-4000:]
    return output


def plain(bundle: str, data: Path, out: Path, settings: dict) -> list[str]:
    command = ["run", "--bundle_root", str(BUNDLES / bundle), "--config_file", configs(bundle)]
    return [
        *command,
        "--dataset_dir",
        str(data),
        "--output_dir",
        str(out),
        *flags({**TINY_BUNDLES[bundle], **settings}),
    ]


def friendly(bundle: str, data: Path, out: Path, settings: dict) -> list[str]:
    changed = [f"{key}={value}" for key, value in {**TINY_BUNDLES[bundle], **settings}.items() if key != "device"]
    sets = [part for change in changed for part in ("--set", change)]
    return [str(BIN / "monai-genaug"), "train", bundle, "--data", str(data), "--out", str(out), *sets]


def torchrun(processes: int, bundle: str, data: Path, out: Path, settings: dict) -> list[str]:
    head = [str(BIN / "torchrun"), "--standalone", f"--nproc_per_node={processes}", "-m", "monai.bundle", "run"]
    tail = ["--bundle_root", str(BUNDLES / bundle), "--config_file", configs(bundle, "multi_gpu_train.yaml")]
    without_device = {key: value for key, value in {**TINY_BUNDLES[bundle], **settings}.items() if key != "device"}
    return [*head, *tail, "--dataset_dir", str(data), "--output_dir", str(out), *flags(without_device)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "models/model.pt", weights_only=True)


def losses(log: str, name: str = "g_l1") -> list[float]:
    return [float(value) for value in re.findall(rf"Iter: .*\b{name}: ([\d.]+)", log)]


@pytest.mark.parametrize("bundle", NO_CHANCE)
def test_two_processes_train_as_one_with_the_same_batch(data, tmp_path, bundle):
    settings = {**NO_CHANCE[bundle], "log_interval": 1, "batch_size": 4, "epochs": 1, "iterations_per_epoch": 3}
    one = losses(run(torchrun(1, bundle, data, tmp_path / "one", settings)), LOSS[bundle])
    two = losses(run(torchrun(2, bundle, data, tmp_path / "two", settings)), LOSS[bundle])
    assert len(one) == 3
    assert two == pytest.approx(one, rel=1e-3)
    assert len(set(one)) > 1
    first, second = weights(tmp_path / "one"), weights(tmp_path / "two")
    apart = torch.cat([(first[key] - second[key]).abs().flatten() for key in first]).mean().item()
    assert apart < 1e-6  # 3e-9 and 3e-7 here; 3e-6 and more where processes do not share gradients


@pytest.mark.parametrize("bundle", TINY_BUNDLES)
def test_two_processes_train_with_all_that_is_random(data, tmp_path, bundle):
    log = run(torchrun(2, bundle, data, tmp_path / "out", {"log_interval": 1}))
    assert len(losses(log, LOSS.get(bundle, "loss"))) == 4  # one process writes the log
    assert load_generator(tmp_path / "out").image_channels == 1


LONG = {"epochs": 60, "iterations_per_epoch": 2, "sample_interval": 60}  # long enough to be killed


def wait_for_two_epochs(folder: Path, ended: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not (folder / "checkpoint_previous.pt").exists() and time.monotonic() < deadline:
        assert not ended()
        time.sleep(0.02)


def assert_was_killed_and_is_as_whole(folder: Path, bundle: str, data: Path, epoch: int) -> None:
    assert epoch < LONG["epochs"]
    whole = folder.with_name("whole")
    run_bundle(plain(bundle, data, whole, LONG), folder.parent, folder.with_name("whole.log"))
    killed, never = weights(folder), weights(whole)
    assert all(torch.equal(killed[key], never[key]) for key in never)


def trained_epochs(folder: Path) -> int:
    return json.loads((folder / "configs/metadata.json").read_text())["training"]["epoch"]


@pytest.mark.parametrize("bundle", TINY_BUNDLES)
def test_a_killed_training_goes_on_with_the_same_command_to_the_same_weights(data, tmp_path, bundle):
    folder, command = tmp_path / "killed", plain(bundle, data, tmp_path / "killed", LONG)
    process = start_bundle(command, tmp_path, tmp_path / "killed.log")
    wait_for_two_epochs(folder, lambda: not process.is_alive())
    process.kill()
    process.join()
    epoch = trained_epochs(folder)
    run_bundle(command, tmp_path, tmp_path / "again.log")
    assert_was_killed_and_is_as_whole(folder, bundle, data, epoch)


def test_a_killed_training_of_the_friendly_command_goes_on_to_the_weights_of_the_other(data, tmp_path):
    folder, command = tmp_path / "killed", friendly("nuclei_pix2pix", data, tmp_path / "killed", LONG)
    process = start(command)
    wait_for_two_epochs(folder, lambda: process.poll() is not None)
    process.kill()
    process.communicate()
    epoch = trained_epochs(folder)
    run(command)
    assert_was_killed_and_is_as_whole(folder, "nuclei_pix2pix", data, epoch)


@pytest.mark.parametrize("bundle", TINY_BUNDLES)
def test_what_one_command_has_trained_is_the_other_s_too(data, tmp_path, bundle):
    settings = {**TINY_BUNDLES[bundle], "dataset_dir": str(data), "output_dir": str(tmp_path / "out")}
    train_bundle(bundle, settings)
    run_bundle(plain(bundle, data, tmp_path / "out", {}), tmp_path, tmp_path / "log")
    assert "all 2 epochs are done, nothing is left to train" in (tmp_path / "log").read_text()


def test_the_log_tells_of_data_epochs_and_losses(data, tmp_path):
    command = plain("nuclei_pix2pix", data, tmp_path / "out", {"log_interval": 2})
    log = run([sys.executable, "-m", "monai.bundle", *command])
    assert "5 training images" not in log  # two of five are kept for validation and test
    assert "3 training images: 2D, 1 channel(s), size 24x32" in log
    assert len(losses(log)) == 2


def test_a_misspelt_setting_is_one_line_with_the_nearest(data, tmp_path):
    process = start(friendly("nuclei_pix2pix", data, tmp_path / "out", {"lambda_11": 3}))
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 2
    [line] = [line for line in output.splitlines() if line.startswith("Error")]
    assert "'lambda_11' is no setting of nuclei_pix2pix, did you mean 'lambda_l1'" in line
