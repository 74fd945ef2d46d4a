from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.engines import Trainer
from torch import nn

from monai_genaug.training import Checkpoint


class Count(Trainer):
    """Adds 1 to a weight in each iteration."""

    def __init__(self, epochs: int = 3) -> None:
        super().__init__(device=torch.device("cpu"), max_epochs=epochs, data_loader=[0, 1])
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.network.weight)

    def _iteration(self, engine, batchdata) -> dict[str, Any]:
        with torch.no_grad():
            self.network.weight.add_(1)
        return {}


def checkpoint(folder: Path, engine: Count, **kwargs: Any) -> Checkpoint:
    arguments = {"parts": {"network": engine.network}, "identity": {"seed": 0}, **kwargs}
    return Checkpoint(folder / "checkpoint.pt", **arguments)


def test_any_parts_are_kept_and_the_handlers_see_the_epochs_that_are_left(tmp_path):
    first, epochs = Count(), []
    first.add_event_handler(Events.EPOCH_COMPLETED, lambda e: e.terminate() if e.state.epoch == 2 else None)
    checkpoint(tmp_path, first).run(first)
    second = Count()
    second.add_event_handler(
        Events.EPOCH_STARTED, lambda e: epochs.append((e.state.epoch, e.state.iteration, second.network.weight.item()))
    )
    checkpoint(tmp_path, second).run(second)
    assert epochs == [(3, 4, 4.0)]
    assert second.network.weight.item() == 6.0


def test_training_time_goes_on_where_it_stopped(tmp_path):
    first, second = Count(), Count(epochs=4)
    checkpoint(tmp_path, first).run(first)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save({**state, "seconds": 1000.0}, tmp_path / "checkpoint.pt")
    checkpoint(tmp_path, second).run(second)
    assert 1000 <= torch.load(tmp_path / "checkpoint.pt", weights_only=True)["seconds"] < 1060


def test_the_file_before_is_kept_and_nothing_else(tmp_path):
    engine = Count()
    checkpoint(tmp_path, engine).run(engine)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt", "checkpoint_previous.pt", ".lock"}
    epochs = [
        torch.load(tmp_path / name, weights_only=True)["epoch"] for name in ("checkpoint.pt", "checkpoint_previous.pt")
    ]
    assert epochs == [3, 2]


def test_a_save_that_fails_leaves_the_files_before(tmp_path, monkeypatch):
    engine = Count()
    checkpoint(tmp_path, engine).run(engine)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("torch.save", full)
    again = Count(epochs=4)
    with pytest.raises(OSError, match="No space left"):
        checkpoint(tmp_path, again).run(again)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_nested_identity_is_compared_entry_by_entry(tmp_path):
    engine = Count()
    checkpoint(tmp_path, engine, identity={"a": {"b": [1, 2], "c": Path("x")}, "d": 1}).run(engine)
    again = Count()
    checkpoint(tmp_path, again, identity={"d": 1, "a": {"c": Path("x"), "b": (1, 2)}}).run(again)  # as JSON has it
    with pytest.raises(ValueError, match=r"\(a\.b was \[1, 2\], is \[1, 3\]; e was None, is 0\)"):
        checkpoint(tmp_path, again, identity={"a": {"b": [1, 3], "c": "x"}, "d": 1, "e": 0}).run(again)


def test_two_trainings_in_one_process_cannot_share_a_folder(tmp_path):
    outer, inner = Count(), Count()
    outer.add_event_handler(Events.STARTED, lambda e: checkpoint(tmp_path, inner).run(inner))
    with pytest.raises(ValueError, match="another process trains into"):
        checkpoint(tmp_path, outer).run(outer)
    checkpoint(tmp_path, inner).run(inner)  # free again after the error
    assert inner.network.weight.item() == 6.0


def test_only_the_first_of_several_processes_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("monai_genaug.training.checkpoint.process_rank", lambda: 1)
    engine = Count()
    checkpoint(tmp_path, engine).run(engine)
    assert engine.network.weight.item() == 6.0
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_resume_is_refused(tmp_path):
    with pytest.raises(ValueError, match="resume is 'prev', expected one of True, False, 'previous'"):
        checkpoint(tmp_path, Count(), resume="prev")


def test_the_path_may_start_at_the_home_folder():
    assert "~" not in str(Checkpoint("~/a/checkpoint.pt", parts={}, identity={}).previous)
