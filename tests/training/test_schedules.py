from __future__ import annotations

import pytest
import torch

from monai_genaug.training.schedules import linear_decay


def rates(epochs: int) -> list[float]:
    """Learning rate of each epoch, and after the last."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler, found = linear_decay(optimizer, epochs), []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [*found, optimizer.param_groups[0]["lr"]]


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (6, [2, 2, 2, 2, 4 / 3, 2 / 3, 0]),
        (5, [2, 2, 2, 2, 1, 0]),
        (2, [2, 2, 0]),
    ],
)
def test_the_rate_is_kept_for_half_of_the_epochs_and_then_falls_linearly_to_nothing(epochs, expected):
    assert rates(epochs) == pytest.approx(expected)


def test_a_single_epoch_has_the_whole_rate():
    assert rates(1)[0] == 2.0


def test_a_scheduler_that_is_restored_goes_on():
    whole, optimizer = rates(6), torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    before = linear_decay(optimizer, 6)
    for _ in range(4):
        optimizer.step()
        before.step()
    again = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    after = linear_decay(again, 6)
    after.load_state_dict(before.state_dict())
    again.load_state_dict(optimizer.state_dict())
    assert again.param_groups[0]["lr"] == pytest.approx(whole[4])
    again.step()
    after.step()
    assert again.param_groups[0]["lr"] == pytest.approx(whole[5])
