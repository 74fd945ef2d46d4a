"""Processes that share a task; several of them are in test_killed.py."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.store.processes import Processes, fixed_computing, joined_processes, own_device


def test_one_process_joins_nothing(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    with joined_processes() as processes:
        assert (processes.rank, processes.count, processes.share({"a": 1})) == (0, 1, {"a": 1})
    assert not torch.distributed.is_initialized()


def test_a_lost_connection_is_said_in_words(monkeypatch):
    def lost(**kwargs):
        raise RuntimeError("Connection closed by peer [127.0.0.1]:4711")

    processes = Processes(None)
    processes.group, processes.rank, processes.count = object(), 1, 3
    monkeypatch.setattr(torch.distributed, "barrier", lost)
    with pytest.raises(ConnectionError, match=r"process 1 of 3 .* has lost the others, one of which has ended"):
        processes.share(None)


def test_computing_is_put_back_after_an_error():
    before = torch.get_num_threads(), torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    inside = []

    def fail() -> None:
        with fixed_computing(3):
            inside.append((torch.get_num_threads(), torch.backends.cudnn.deterministic))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [(3, True)]
    after = torch.get_num_threads(), torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    assert after == before


@pytest.mark.parametrize("local_rank", [0, 1, 5])
def test_each_process_of_a_machine_takes_a_gpu_in_turn(monkeypatch, local_rank):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", str(local_rank))
    assert own_device(None) == own_device("cuda") == torch.device("cuda", local_rank % 2)
    assert own_device("cuda:0") == torch.device("cuda", 0)
    assert own_device("cpu") == torch.device("cpu")


def test_without_a_gpu_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert own_device(None) == torch.device("cpu")
    with pytest.raises(ValueError, match="PyTorch finds no CUDA here"):
        own_device("cuda")
