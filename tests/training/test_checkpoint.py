from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from monai_genaug.training import train_pix2pix
from tests.helpers import TINY, blobs

SETTINGS = replace(TINY, epochs=4, dropout=0.5, ema_momentum=0.1, instance_noise=0.1)


@pytest.fixture
def items() -> list[dict[str, torch.Tensor]]:
    labels = [blobs((20, 24), seed) for seed in range(3)]
    return [{"image": 0.2 + 0.6 * (label > 0).float(), "label": label.float()} for label in labels]


class Stop(Exception):  # no error, an interruption
    """Stands for Ctrl-C."""


def stop_at(iteration: int):
    def progress(done: int, total: int, losses: dict[str, float]) -> None:
        if done == iteration:
            raise Stop

    return progress


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "models/model.pt", weights_only=True)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(("iteration", "change"), [(1, {}), (3, {}), (5, {}), (8, {}), (5, {"d_interval": 4})])
def test_a_stopped_training_ends_with_the_weights_of_an_unbroken_one(items, tmp_path, iteration, change):
    settings = replace(SETTINGS, **change)
    whole = weights(train_pix2pix(items, settings, output_dir=tmp_path / "whole"))
    with pytest.raises(Stop):
        train_pix2pix(items, settings, output_dir=tmp_path / "broken", progress=stop_at(iteration))
    torch.rand(7)
    assert same(weights(train_pix2pix(items, settings, output_dir=tmp_path / "broken")), whole)


def test_checkpoints_do_without_hard_links(items, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError("Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    train_pix2pix(items, SETTINGS, output_dir=tmp_path)
    assert (tmp_path / "checkpoint_previous.pt").exists()


def test_a_finished_training_writes_lost_weights_again(items, tmp_path):
    whole = weights(train_pix2pix(items, SETTINGS, output_dir=tmp_path))
    (tmp_path / "models/model.pt").unlink()
    assert same(weights(train_pix2pix(items, SETTINGS, output_dir=tmp_path)), whole)


def test_a_mistyped_resume_is_refused(items, tmp_path):
    with pytest.raises(ValueError, match="resume is 'prev', expected one of True, False, 'previous'"):
        train_pix2pix(items, SETTINGS, output_dir=tmp_path, resume="prev")


def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(items, tmp_path):
    torch.save(items, tmp_path / "items.pt")
    code = (
        "import torch, time; from monai_genaug.training import train_pix2pix;"
        "from tests.training.test_checkpoint import SETTINGS\n"
        f"items = torch.load({str(tmp_path / 'items.pt')!r})\n"
        f"train_pix2pix(items, SETTINGS, output_dir={str(tmp_path / 'killed')!r},"
        "progress=lambda done, total, losses: time.sleep(0.2))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed/checkpoint_previous.pt").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    resumed = weights(train_pix2pix(items, SETTINGS, output_dir=tmp_path / "killed"))
    assert same(resumed, weights(train_pix2pix(items, SETTINGS, output_dir=tmp_path / "whole")))


def test_a_finished_training_is_not_run_again(items, tmp_path):
    train_pix2pix(items, SETTINGS, output_dir=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    told = []
    train_pix2pix(items, SETTINGS, output_dir=tmp_path, progress=lambda *args: told.append(args))
    assert told == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    train_pix2pix(items, SETTINGS, output_dir=tmp_path, progress=lambda *args: told.append(args), resume=False)
    assert len(told) == SETTINGS.iterations


def test_another_training_in_the_folder_is_refused(items, tmp_path):
    train_pix2pix(items, SETTINGS, output_dir=tmp_path)
    for change in (
        {"settings": replace(SETTINGS, lambda_l1=50.0)},
        {"seed": 5},
        {"items": [*items[:2], {**items[2], "image": 1 - items[2]["image"]}]},
    ):
        arguments = {"items": items, "settings": SETTINGS, "seed": 0, **change}
        with pytest.raises(ValueError, match="other settings, images or seed"):
            train_pix2pix(arguments["items"], arguments["settings"], output_dir=tmp_path, seed=arguments["seed"])


def test_a_truncated_checkpoint_is_named_and_the_previous_used_only_if_asked(items, tmp_path):
    whole = weights(train_pix2pix(items, SETTINGS, output_dir=tmp_path / "whole"))
    with pytest.raises(Stop):
        train_pix2pix(items, SETTINGS, output_dir=tmp_path / "broken", progress=stop_at(7))
    path = tmp_path / "broken/checkpoint.pt"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"checkpoint\.pt cannot be read.*resume='previous'"):
        train_pix2pix(items, SETTINGS, output_dir=tmp_path / "broken")
    resumed = train_pix2pix(items, SETTINGS, output_dir=tmp_path / "broken", resume="previous")
    assert same(weights(resumed), whole)


def test_a_checkpoint_with_a_payload_is_refused_and_not_run(items, tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "harm",)

    torch.save({"identity": Payload()}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="cannot be read"):
        train_pix2pix(items, SETTINGS, output_dir=tmp_path)
    assert not (tmp_path / "harm").exists()
