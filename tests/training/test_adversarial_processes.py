from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.processes import run_together
from tests.training.test_adversarial import Duel, Player


def shared_duel(rank: int, count: int, wrap: Callable[[nn.Module], nn.Module]) -> Duel:
    """Three iterations on a process's share of batches of four rows."""
    rows = torch.linspace(0.5, 2.0, 4).reshape(4, 1, 1, 1)
    share = {"image": rows[rank::count], "label": torch.ones(4 // count, 1, 1, 1)}
    generator, discriminator = Player(0.25), Player(0.5)
    return Duel(
        device="cpu",
        max_epochs=1,
        train_data_loader=[share] * 3,
        g_network=wrap(generator),
        d_network=wrap(discriminator),
        g_optimizer=torch.optim.SGD(generator.parameters(), 0.1),
        d_optimizer=torch.optim.SGD(discriminator.parameters(), 0.1),
        ema_momentum=0.5,
    )


def results(duel: Duel) -> list[float]:
    """Weights and losses after a run."""
    parts = (duel.parts()[name] for name in ("g_network", "d_network", "ema_network"))
    return [*(part.weight.item() for part in parts), *(value.item() for value in duel.state.output.values())]


def _duel_together(rank: int, folder: Path) -> list[float]:
    duel = shared_duel(rank, 2, nn.parallel.DistributedDataParallel)
    duel.run()
    return results(duel)


def test_two_processes_train_as_one_does_on_the_whole_batch(tmp_path):
    alone = shared_duel(0, 1, lambda network: network)
    alone.run()
    answers = run_together(_duel_together, tmp_path)
    assert answers[0] == answers[1]
    assert answers[0] == pytest.approx(results(alone), rel=1e-5)
