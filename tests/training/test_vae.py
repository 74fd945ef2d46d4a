from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch import distributed, nn
from torch.distributions import Normal, kl_divergence

from monai_genaug import load_generator
from monai_genaug.generators import CVAEGenerator
from monai_genaug.masks import BinaryEncoding, InstanceEncoding
from monai_genaug.networks import ConditionalVAE
from monai_genaug.phantoms import nuclei_phantom
from monai_genaug.training import (
    Checkpoint,
    CVAEPrepareBatch,
    CVAETraining,
    EpochSeeds,
    EvidenceLoss,
    GeneratorSaver,
    MovingAverage,
    NonFiniteLossError,
    as_floats,
)
from monai_genaug.training.handlers import StopOnNonFinite
from monai_genaug.training.vae import gaussian_kl
from tests.helpers import blobs

TERMS = {"mean_nll", "nll", "kl", "elbo", "kl_weight"}


def build() -> CVAEGenerator:
    torch.manual_seed(0)
    return CVAEGenerator(ConditionalVAE(2, 1, 1, levels=2, base_features=8, latent_channels=4), BinaryEncoding())


@cache
def phantoms() -> list[dict[str, torch.Tensor]]:
    """One batch of 4 phantoms of 16 pixels a side."""
    made = [nuclei_phantom((16, 16), seed=seed, radius=4.0) for seed in range(4)]
    parts = zip(*((torch.from_numpy(m.image), torch.from_numpy(m.label.astype("int64"))) for m in made), strict=True)
    return [dict(zip(("image", "label"), map(torch.stack, parts), strict=True))]


def trainer(
    generator: CVAEGenerator,
    epochs: int,
    *handlers: Any,
    network: nn.Module | None = None,
    loss: EvidenceLoss | None = None,
    loader: list[dict[str, torch.Tensor]] | None = None,
) -> SupervisedTrainer:
    loss, loader = loss or EvidenceLoss(), loader or phantoms()
    return SupervisedTrainer(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=loader,
        network=network or CVAETraining(generator),
        optimizer=torch.optim.Adam(generator.network.parameters(), 3e-3),
        loss_function=loss,
        prepare_batch=CVAEPrepareBatch(generator),
        train_handlers=[EpochSeeds(0, loader), loss, *handlers],
    )


def weights_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in module.state_dict().items()}


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@contextmanager
def alone_in_a_group(folder: Path) -> Iterator[None]:
    """Be the one process of a group, for `DistributedDataParallel`."""
    distributed.init_process_group("gloo", f"file://{folder}/address", rank=0, world_size=1)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def test_the_kl_divergence_is_that_of_torch():
    rng = torch.Generator().manual_seed(0)
    q_mean, q_log_std, p_mean, p_log_std = torch.randn(4, 50, generator=rng)
    expected = kl_divergence(Normal(q_mean, q_log_std.exp()), Normal(p_mean, p_log_std.exp()))
    torch.testing.assert_close(gaussian_kl((q_mean, q_log_std), (p_mean, p_log_std)), expected)


def test_constant_latents_count_once_an_image_and_local_ones_once_a_position():
    generator = build()
    condition, image = torch.rand(2, 1, 12, 8).round(), torch.rand(2, 1, 12, 8)
    network, normal = generator.network, lambda gaussian: Normal(gaussian[0], gaussian[1].exp())
    prior, posterior = network.prior(condition), network.posterior(torch.cat((image, condition), dim=1))
    single = kl_divergence(normal(posterior), normal(prior))
    expected = single[:, :4, 0, 0].sum(dim=1) + single[:, 4:].sum(dim=(1, 2, 3))
    kl = CVAETraining(generator)(condition, image)["kl"]
    assert kl.shape == (2, 3, 2)
    torch.testing.assert_close(kl.sum(dim=(1, 2)), expected)


def test_latents_are_drawn_from_the_posterior():
    generator = build()
    condition, image = torch.ones(500, 1, 4, 4), torch.rand(1, 1, 4, 4).expand(500, -1, -1, -1)
    mean, log_std = generator.network.posterior(torch.cat((image, condition), dim=1))
    drawn = (CVAETraining(generator).infer(condition, image)[0] - mean) / log_std.exp()
    assert drawn.mean().abs() < 0.1
    assert drawn.std().item() == pytest.approx(1.0, abs=0.05)


def test_the_terms_are_those_of_normal_distributions():
    rng = torch.Generator().manual_seed(0)
    target, mean, log_deviation = torch.randn(3, 2, 2, 4, 4, generator=rng)  # 2 images of 2 channels
    kl = torch.rand(2, 2, 2, generator=rng)
    loss = EvidenceLoss(beta=0.5, free_nats=0, least_deviation=0)
    total = loss({"mean": mean, "log_deviation": log_deviation, "kl": kl}, target)
    best = (target - mean).square().mean(dim=(0, 2, 3), keepdim=True).sqrt()  # of each channel
    expected = {
        "mean_nll": -Normal(mean, best.expand_as(mean)).log_prob(target).mean(),
        "nll": -Normal(mean, log_deviation.exp()).log_prob(target).mean(),
        "kl": kl.sum(dim=(1, 2)).mean() / 32,  # values of an image
    }
    for name, value in expected.items():
        torch.testing.assert_close(loss.terms[name], value)
    torch.testing.assert_close(loss.terms["elbo"], -(expected["nll"] + expected["kl"]))
    torch.testing.assert_close(total, expected["mean_nll"] + expected["nll"] + 0.5 * expected["kl"])


def test_the_deviations_of_voxels_leave_the_mean_alone():
    rng = torch.Generator().manual_seed(0)
    target, mean, log_deviation = torch.randn(3, 2, 1, 4, 4, generator=rng)
    gradients = []
    for width in (0.0, -2.0):
        learned = mean.clone().requires_grad_()
        EvidenceLoss()(
            {"mean": learned, "log_deviation": log_deviation + width, "kl": torch.ones(2, 1)}, target
        ).backward()
        gradients.append(learned.grad)
    assert torch.equal(*gradients)
    variance = (target - mean).square().mean() + 0.02**2
    torch.testing.assert_close(gradients[0], (mean - target) / (32 * variance))  # of 32 values under that deviation


def test_learned_deviations_become_those_of_the_residuals():
    rng = torch.Generator().manual_seed(0)
    residuals = 0.1 * torch.randn(2, 1, 64, 64, generator=rng)
    residuals[..., 32:] *= 3
    log_deviation = torch.zeros(1, 1, 1, 2, requires_grad=True)
    optimizer, loss = torch.optim.Adam([log_deviation], 0.1), EvidenceLoss()
    for _ in range(100):
        parts = {
            "mean": torch.zeros(2, 1, 64, 64),
            "log_deviation": log_deviation.repeat_interleave(32, dim=3).expand(2, 1, 64, 64),
            "kl": torch.zeros(2, 1, 1),
        }
        optimizer.zero_grad()
        loss(parts, residuals).backward()
        optimizer.step()
    assert log_deviation.exp().flatten().tolist() == pytest.approx([0.1, 0.3], rel=0.05)


def test_the_kl_divergence_costs_nothing_below_the_free_nats():
    image = torch.ones(1, 1, 2, 2)
    for nats, slope in ((0.4, 0.0), (0.6, 0.25)):
        kl = torch.full((1, 1, 1), nats, requires_grad=True)
        loss = EvidenceLoss(free_nats=0.5)
        loss({"mean": 0 * image, "log_deviation": 0 * image, "kl": kl}, image).backward()
        assert kl.grad.item() == slope
        assert loss.terms["kl"].item() == pytest.approx(nats / 4)


@pytest.mark.parametrize(
    ("warm_up", "weights"),
    [(0.5, [0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 2.0]), (0.0, [2.0] * 8), (1.0, [0.25 * i for i in range(1, 9)])],
    ids=str,
)
def test_the_weight_of_the_kl_divergence_rises_with_the_iterations(warm_up, weights):
    loss, seen = EvidenceLoss(beta=2.0, warm_up=warm_up), []
    engine = trainer(build(), 4, loss=loss, loader=phantoms() * 2)
    engine.add_event_handler("ITERATION_COMPLETED", lambda engine: seen.append(as_floats(engine.state.output)))
    engine.run()
    assert [told["kl_weight"] for told in seen] == pytest.approx(weights)


def test_the_output_holds_every_term_for_logs():
    engine = trainer(build(), 1)
    engine.run()
    told = as_floats(engine.state.output)
    assert set(told) == TERMS | {"loss"}
    assert told["elbo"] == pytest.approx(-(told["nll"] + told["kl"]))


def test_a_few_dozen_steps_lower_the_loss_and_images_come_near():
    generator, losses = build(), []
    engine = trainer(generator, 60)
    engine.add_event_handler(
        "ITERATION_COMPLETED", lambda engine: losses.append(as_floats(engine.state.output)["elbo"])
    )
    batch = phantoms()[0]
    condition = generator.encode(batch["label"])

    def error() -> float:
        return (generator.sample(condition, seeds=range(4)) - batch["image"]).abs().mean().item()

    before = error()
    engine.run()
    assert losses[-1] > losses[0] + 1
    assert error() < before / 3


def test_volumes_of_several_channels_and_instances_are_trained_on():
    generator = CVAEGenerator(ConditionalVAE(3, 3, 2, levels=1, base_features=4), InstanceEncoding())
    batch = {"image": torch.rand(1, 2, 6, 8, 4), "label": blobs((6, 8, 4), 0)[None]}
    engine = trainer(generator, 1, loader=[batch])
    engine.run()
    assert math.isfinite(as_floats(engine.state.output)["loss"])


def test_two_trainings_of_one_seed_are_equal():
    ends = []
    for _ in range(2):
        generator = build()
        torch.rand(3)
        trainer(generator, 2).run()
        ends.append(weights_of(generator.network))
    assert equal(*ends)
    assert not equal(ends[0], weights_of(build().network))


def test_a_resumed_training_ends_as_one_that_was_never_stopped(tmp_path):
    ends = []
    for stops in ((4,), (2, 4)):
        for done in stops:
            generator = build()
            average = MovingAverage(generator.network, momentum=0.01)
            engine = trainer(generator, 4, average, loader=phantoms() * 2)
            if done < 4:
                engine.add_event_handler("EPOCH_COMPLETED", lambda engine, done=done: stop_after(engine, done))
            parts = {"network": generator.network, "average": average.network, "optimizer": engine.optimizer}
            Checkpoint(tmp_path / f"{len(stops)}/checkpoint.pt", parts=parts, identity={}).run(engine)
        ends.append(weights_of(average.network))
    assert equal(*ends)


def stop_after(engine: SupervisedTrainer, epoch: int) -> None:
    if engine.state.epoch == epoch:
        engine.terminate()


def test_a_loss_that_is_no_number_stops_before_any_weight_is_changed():
    generator, batch = build(), dict(phantoms()[0])
    before, batch["image"] = weights_of(generator.network), batch["image"] * float("nan")
    with pytest.raises(NonFiniteLossError, match="iteration 1"):
        trainer(generator, 1, StopOnNonFinite(), loader=[batch]).run()
    assert equal(weights_of(generator.network), before)


def test_a_wrapped_training_ends_as_one_that_is_not(tmp_path):
    ends = []
    with alone_in_a_group(tmp_path):
        for wrap in (lambda module: module, nn.parallel.DistributedDataParallel):
            generator = build()
            trainer(generator, 3, network=wrap(CVAETraining(generator))).run()  # fails if a weight gets no gradient
            ends.append(weights_of(generator.network))
    assert equal(*ends)


def test_what_is_saved_is_the_average_of_the_network_alone(tmp_path):
    generator = build()
    average = MovingAverage(generator.network, momentum=0.01)
    trainer(generator, 2, average, GeneratorSaver(tmp_path, generator)).run()
    assert equal(weights_of(load_generator(tmp_path).network), weights_of(average.network))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": -1.0}, "beta is -1.0, expected at least 0"),
        ({"warm_up": 1.5}, "warm_up is 1.5, expected a number from 0 to 1"),
        ({"free_nats": float("nan")}, "free_nats is nan"),
        ({"least_deviation": -0.1}, "least_deviation is -0.1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EvidenceLoss(**settings)
