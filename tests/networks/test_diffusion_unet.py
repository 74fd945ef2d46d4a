from __future__ import annotations

import pytest
import torch
from monai.networks.nets import DiffusionModelUNet, diffusion_model_unet
from torch import nn

from monai_genaug.networks import DiffusionUNet

SMALL = {"channels": (4, 8), "norm_groups": 2}


def filled(network: nn.Module) -> nn.Module:
    """Draw all weights, since the last layers begin with 0."""
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            rng = torch.Generator().manual_seed(number)
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=rng))
    return network


def inputs(dims: int, channels: int = 1, conditions: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng, size = torch.Generator().manual_seed(0), (8, 12, 4)[:dims]
    condition = torch.rand(2, conditions, *size, generator=rng)
    return condition, torch.randn(2, channels, *size, generator=rng), torch.tensor([0.1, 0.9])


@pytest.mark.parametrize("res_blocks", [1, 2])
@pytest.mark.parametrize("dims", [2, 3])
def test_it_is_monais_network_without_its_attention(monkeypatch, dims: int, res_blocks: int):
    monkeypatch.setattr(diffusion_model_unet, "SpatialAttentionBlock", lambda **_: nn.Identity())
    theirs = DiffusionModelUNet(
        dims,
        in_channels=2 + 3 + 1,
        out_channels=2,
        num_res_blocks=res_blocks,
        channels=(4, 8, 12),
        attention_levels=(False,) * 3,
        norm_num_groups=2,
    )
    ours = DiffusionUNet(dims, 3, 2, channels=(4, 8, 12), norm_groups=2, res_blocks=res_blocks)
    theirs.load_state_dict(filled(ours).state_dict())
    condition, x, time = inputs(dims, channels=2, conditions=3)
    expected = theirs(torch.cat((x, condition, torch.ones_like(x[:, :1])), 1), 1000 * time)
    assert expected.std() > 0.01
    torch.testing.assert_close(ours(condition, x, time), expected)


@pytest.mark.parametrize("dims", [2, 3])
def test_every_weight_gets_a_gradient(dims: int):
    network = filled(DiffusionUNet(dims, 1, 1, **SMALL))
    network(*inputs(dims)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_it_predicts_0_before_training():
    assert not DiffusionUNet(2, 1, 1, **SMALL)(*inputs(2)).any()


@pytest.mark.parametrize("part", ["condition", "x", "time"])
def test_each_input_changes_the_prediction(part: str):
    network = filled(DiffusionUNet(2, 1, 1, **SMALL))
    given = dict(zip(("condition", "x", "time"), inputs(2), strict=True))
    changed = network(**{**given, part: 0.5 * given[part]})
    assert (changed - network(**given)).abs().mean() > 1e-3


def test_a_withheld_condition_has_no_influence_and_is_not_an_empty_one():
    network = filled(DiffusionUNet(2, 1, 1, **SMALL))
    condition, x, time = inputs(2)
    withheld = network(condition, x, time, known=False)
    assert torch.equal(withheld, network(1 - condition, x, time, known=False))
    assert (withheld - network(torch.zeros_like(condition), x, time)).abs().mean() > 1e-3


def test_conditions_are_dropped_by_row_in_training_only():
    network = filled(DiffusionUNet(2, 1, 1, condition_dropout=0.25, **SMALL))
    condition, x, time = (part[:1].expand(400, *part.shape[1:]) for part in inputs(2))
    torch.manual_seed(0)
    shown, known, withheld = network(condition, x, time), network.eval()(condition, x, time), None
    withheld = network(condition, x, time, known=False)
    far = [(shown - other).abs().flatten(1).amax(1) > 1e-4 for other in (known, withheld)]
    assert far[0].float().mean().item() == pytest.approx(0.25, abs=0.06)
    assert torch.equal(far[0], ~far[1])


def test_what_is_left_out_is_the_mean_of_pure_noise():
    network = filled(DiffusionUNet(2, 1, 3, **SMALL))
    condition = inputs(2)[0]
    assert torch.equal(network(condition), network(condition, torch.zeros(2, 3, 8, 12), torch.ones(2)))


@pytest.mark.parametrize("dims", [2, 3])
def test_it_takes_its_least_size(dims: int):
    network = filled(DiffusionUNet(dims, 1, 1, channels=(2, 2, 2), norm_groups=2))
    assert (network.stride, network.least_size) == (4, 8)
    assert torch.isfinite(network(torch.rand(1, 1, *(8,) * dims))).all()


@pytest.mark.parametrize(
    "change",
    [
        {"spatial_dims": 4},
        {"in_channels": 0},
        {"channels": (8,)},
        {"channels": (8, 12)},
        {"res_blocks": 0},
        {"norm_groups": 0},
        {"condition_dropout": 1.5},
    ],
    ids=str,
)
def test_wrong_settings_are_refused_by_name(change: dict):
    with pytest.raises(ValueError, match=next(iter(change))):
        DiffusionUNet(**{"spatial_dims": 2, "in_channels": 1, "out_channels": 1, **change})
