from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from monai_genaug.training.processes import mean_over_processes, process_count, process_rank, unwrap
from tests.processes import run_together


def test_one_process_alone_is_the_first_of_one():
    assert (process_rank(), process_count()) == (0, 1)


def test_the_means_of_one_process_are_its_values():
    values = {"loss": torch.tensor(2.0)}
    assert mean_over_processes(values) is values


def test_a_network_that_is_not_wrapped_is_itself():
    network = nn.Linear(1, 1)
    assert unwrap(network) is network


def _train_together(rank: int, folder: Path) -> tuple[int, int, bool, dict[str, float]]:
    network = nn.Linear(1, 1)
    wrapped = nn.parallel.DistributedDataParallel(network)
    means = mean_over_processes({"a": torch.tensor(1.0 + rank), "b": torch.tensor(10.0 * rank)})
    numbers = {name: value.item() for name, value in means.items()}
    return process_rank(), process_count(), unwrap(wrapped) is network, numbers


def test_two_processes_know_their_numbers_and_share_the_means(tmp_path):
    answers = run_together(_train_together, tmp_path)
    assert answers == [(rank, 2, True, {"a": 1.5, "b": 5.0}) for rank in (0, 1)]
