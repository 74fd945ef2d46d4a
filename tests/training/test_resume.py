"""Trainings of a bundle that are stopped, killed, damaged, or another one's."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from monai_genaug import load_generator
from tests.helpers import train, write_pairs

NOISY = {  # all that is random in a training is on
    "epochs": 4,
    "network_def#dropout": 0.5,
    "ema_momentum": 0.1,
    "instance_noise": 0.1,
    "lambda_mode_seeking": 0.3,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


class Stop(KeyboardInterrupt):
    """Stands for Ctrl-C."""


def stop_at(iteration: int, error: type[BaseException] = Stop):
    def progress(done: int, total: int, losses: dict[str, float]) -> None:
        if done == iteration:
            raise error

    return progress


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "models/model.pt", weights_only=True)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(
    ("iteration", "change"),
    [
        (1, {}),
        (3, {}),
        (5, {}),
        (8, {}),
        (5, {"d_interval": 2, "iterations_per_epoch": 3}),
        (5, {"num_workers": 2}),
        (5, {"ema_momentum": None, "network_def#norm": "instance"}),
    ],
    ids=["in epoch 1", "in epoch 2", "in epoch 3", "at the end", "d_interval", "workers", "no average"],
)
def test_a_stopped_training_ends_with_the_weights_of_an_unbroken_one(data, tmp_path, iteration, change):
    settings = {**NOISY, **change}
    whole = weights(train(data, tmp_path / "whole", **settings))
    with pytest.raises(Stop):
        train(data, tmp_path / "broken", **settings, progress=stop_at(iteration))
    torch.rand(7)
    done = []
    resumed = train(data, tmp_path / "broken", **settings, progress=lambda *told: done.append(told[0]))
    per_epoch = settings.get("iterations_per_epoch", 2)
    assert done[0] == (iteration - 1) // per_epoch * per_epoch + 1  # the epochs before are not run again
    assert same(weights(resumed), whole)


def test_a_training_that_an_error_stopped_goes_on_too(data, tmp_path):
    whole = weights(train(data, tmp_path / "whole", **NOISY))
    with pytest.raises(ZeroDivisionError):
        train(data, tmp_path / "broken", **NOISY, progress=stop_at(5, ZeroDivisionError))
    assert same(weights(train(data, tmp_path / "broken", **NOISY)), whole)


def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(data, tmp_path):
    settings = {**NOISY, "d_interval": 2, "iterations_per_epoch": 3, "num_workers": 2}
    killed, done = tmp_path / "killed", []
    code = (
        "import time; from pathlib import Path; from tests.helpers import train\n"
        f"train(Path({str(data)!r}), Path({str(killed)!r}), **{settings!r}, progress=lambda *_: time.sleep(0.1))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=environment)
    deadline = time.monotonic() + 120
    while not (killed / "checkpoint_previous.pt").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert load_generator(killed).name == "Pix2PixGenerator"  # of its last whole epoch
    resumed = weights(train(data, killed, **settings, progress=lambda *told: done.append(told[0])))
    assert done[0] > 1
    assert same(resumed, weights(train(data, tmp_path / "whole", **settings)))


def _hold_lock(folder: Path, held: Event) -> None:
    with FileLock(folder / ".lock"):
        held.set()
        time.sleep(600)


def test_a_second_process_in_the_same_folder_is_refused_until_the_first_has_ended(data, tmp_path):
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=_hold_lock, args=(tmp_path, held))
    process.start()
    assert held.wait(60)
    with pytest.raises(ValueError, match=rf"another process trains into {tmp_path}: wait .*another output folder"):
        train(data, tmp_path)
    process.kill()
    process.join()
    train(data, tmp_path)
    assert (tmp_path / "models/model.pt").exists()


def test_checkpoints_do_without_hard_links(data, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError("Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    whole = weights(train(data, tmp_path / "whole", **NOISY))
    with pytest.raises(Stop):
        train(data, tmp_path / "broken", **NOISY, progress=stop_at(7))
    assert (tmp_path / "broken/checkpoint_previous.pt").exists()
    assert same(weights(train(data, tmp_path / "broken", **NOISY, resume="previous")), whole)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"}


def test_a_finished_training_is_not_run_again_unless_asked(data, tmp_path):
    train(data, tmp_path)
    before, told = contents(tmp_path), []
    train(data, tmp_path, progress=lambda *args: told.append(args))
    assert told == []
    assert contents(tmp_path) == before
    train(data, tmp_path, progress=lambda *args: told.append(args), resume=False)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lambda_l1": 50.0}, r"settings\.lambda_l1 was 100\.0, is 50\.0"),
        ({"seed": 5}, r"settings\.seed was 0, is 5"),
        ({"epochs": 9}, r"settings\.epochs was 2, is 9"),
        ({"network_def#base_features": 8}, r"generator\.network_def\.base_features was 4, is 8"),
        ({"network_def#dropout": 0.1}, r"generator\.network_def\.dropout was 0\.5, is 0\.1"),
        ({"encoding": "@one_hot", "condition_channels": 2}, r"generator\.condition_channels was 1, is 2"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_another_training_in_the_folder_is_refused_and_what_changed_is_named(data, tmp_path, change, named):
    train(data, tmp_path)
    before = (tmp_path / "models/model.pt").read_bytes()
    with pytest.raises(ValueError, match=rf"checkpoint\.pt is of another training .*{named}.*another output folder"):
        train(data, tmp_path, **change)
    assert (tmp_path / "models/model.pt").read_bytes() == before


def test_other_images_in_the_same_places_are_refused(tmp_path):
    data = write_pairs(tmp_path / "data")
    train(data, tmp_path / "out")
    (data / "images/0.png").write_bytes((data / "images/1.png").read_bytes())
    with pytest.raises(ValueError, match=r"settings\.data was"):
        train(data, tmp_path / "out")


def test_data_that_moved_and_another_device_or_worker_count_are_the_same_training(tmp_path):
    data = write_pairs(tmp_path / "data")
    whole = weights(train(data, tmp_path / "whole"))
    with pytest.raises(Stop):
        train(data, tmp_path / "out", progress=stop_at(3))
    moved = data.rename(tmp_path / "moved")
    assert same(weights(train(moved, tmp_path / "out", num_workers=1)), whole)


def test_a_truncated_checkpoint_is_named_and_the_previous_used_only_if_asked(data, tmp_path):
    whole = weights(train(data, tmp_path / "whole", **NOISY))
    with pytest.raises(Stop):
        train(data, tmp_path / "broken", **NOISY, progress=stop_at(7))
    path = tmp_path / "broken/checkpoint.pt"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"checkpoint\.pt cannot be read.*resume=previous.*checkpoint_previous\.pt"):
        train(data, tmp_path / "broken", **NOISY)
    assert same(weights(train(data, tmp_path / "broken", **NOISY, resume="previous")), whole)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"], ids=["empty", "text"])
def test_a_file_that_is_no_checkpoint_is_refused(data, tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt cannot be read"):
        train(data, tmp_path)


def test_a_checkpoint_with_a_payload_is_refused_and_not_run(data, tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "harm",)

    torch.save({"identity": Payload()}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="cannot be read"):
        train(data, tmp_path)
    assert not (tmp_path / "harm").exists()


def test_a_finished_training_writes_lost_weights_again(tmp_path):
    data = write_pairs(tmp_path / "data")
    out = train(data, tmp_path / "out")
    before = torch.load(out / "models/model.pt", weights_only=True)
    (out / "models/model.pt").unlink()
    train(data, out)
    after = torch.load(out / "models/model.pt", weights_only=True)
    assert all(torch.equal(before[key], after[key]) for key in before)
