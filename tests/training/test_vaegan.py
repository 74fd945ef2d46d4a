from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from monai_genaug import load_generator
from monai_genaug.generators import CVAEGenerator
from monai_genaug.losses import PatchGANLoss, feature_matching_loss
from monai_genaug.masks import BinaryEncoding, InstanceEncoding
from monai_genaug.networks import ConditionalVAE
from monai_genaug.phantoms import nuclei_phantom
from monai_genaug.training import (
    Checkpoint,
    EpochSeeds,
    GeneratorSaver,
    NonFiniteLossError,
    VAEGANEngine,
    VAEGANTraining,
    patch_discriminator,
)
from tests.helpers import blobs
from tests.training.test_vae import alone_in_a_group, equal, stop_after, weights_of


def engine(
    batches: list[dict[str, torch.Tensor]],
    *handlers: Any,
    observation_noise: bool = True,
    wrap: type[nn.Module] | None = None,
    rate: float = 2e-4,
    **kwargs: Any,
) -> VAEGANEngine:
    torch.manual_seed(0)
    network = ConditionalVAE(2, 1, 1, levels=2, base_features=8, latent_channels=4)
    generator = CVAEGenerator(network, BinaryEncoding(), observation_noise=observation_noise)
    discriminator = patch_discriminator(2, 2, base_features=4, layers=1, norm="instance")
    return VAEGANEngine(
        generator=generator,
        g_network=wrap(VAEGANTraining(generator)) if wrap else None,
        discriminator=wrap(discriminator) if wrap else discriminator,
        device="cpu",
        train_data_loader=batches,
        g_optimizer=torch.optim.Adam(network.parameters(), rate, (0.5, 0.999)),
        d_optimizer=torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)),
        train_handlers=[EpochSeeds(0, batches), *handlers],
        **{"max_epochs": 1, **kwargs},
    )


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    label = torch.stack([blobs((16, 16), seed) for seed in (0, 1)]).float()
    return {"image": torch.rand(2, 1, 16, 16, generator=rng), "label": label}


def test_losses_are_weighted_distances_of_reconstructions_and_the_kl_divergence(batch):
    vaegan = engine([batch], lambda_features=3.0, lambda_l1=7.0, lambda_kl=2.0, free_nats=0.0)
    vaegan.state.iteration, vaegan.state.epoch_length = 1, 8  # half of the warm-up
    tensors = vaegan.forward(batch["image"], batch["label"])
    losses = vaegan.g_losses(tensors)
    real, made, sample = (
        vaegan.d_network(torch.cat((tensors["condition"], tensors[name]), dim=1))
        for name in ("real", "reconstruction", "sample")
    )
    expected = {
        "g_adversarial": -0.5 * (made[-1].mean() + sample[-1].mean()),
        "g_features": 3.0 * feature_matching_loss(real, made),
        "g_l1": 7.0 * (tensors["mean"] - (2 * batch["image"] - 1)).abs().mean(),
        "g_kl": 2.0 * 0.5 * tensors["kl"].sum(dim=(1, 2)).mean() / 256,
    }
    assert set(losses) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)


def test_the_discriminator_has_to_tell_reconstructions_and_samples_from_real_images(batch):
    vaegan = engine([batch])
    tensors = vaegan.forward(batch["image"], batch["label"])
    real, made, sample = (
        vaegan.d_network(torch.cat((tensors["condition"], tensors[name]), dim=1))[-1]
        for name in ("real", "reconstruction", "sample")
    )
    fake = 0.5 * ((1 + made).clamp_min(0).mean() + (1 + sample).clamp_min(0).mean())
    losses = vaegan.d_losses(tensors)
    assert set(losses) == {"d_adversarial"}
    torch.testing.assert_close(losses["d_adversarial"], 0.5 * ((1 - real).clamp_min(0).mean() + fake))


def test_images_are_those_that_the_generator_would_make(batch):
    image, label = batch["image"], batch["label"]
    smooth = engine([batch], observation_noise=False).forward(image, label)
    noisy = engine([batch]).forward(image, label)
    assert torch.equal(smooth["mean"], smooth["reconstruction"])
    assert (noisy["mean"] - noisy["reconstruction"]).std() > 0.1
    assert (noisy["reconstruction"] - noisy["sample"]).std() > 0.1


def test_the_prior_follows_the_posterior_alone(batch):
    vaegan = engine([batch], free_nats=0.0, kl_warm_up=0.0)
    losses = vaegan.g_losses(vaegan.forward(batch["image"], batch["label"]))
    prior = list(vaegan.generator.network.prior.parameters())
    without = losses["g_adversarial"] + losses["g_features"] + losses["g_l1"]
    assert not any(
        gradient is not None and gradient.any()
        for gradient in torch.autograd.grad(without, prior, retain_graph=True, allow_unused=True)
    )
    assert all(gradient.any() for gradient in torch.autograd.grad(losses["g_kl"], prior))


def test_an_iteration_changes_every_weight_of_both_networks(batch):
    vaegan = engine([batch], free_nats=0.0)
    networks = (vaegan.generator.network, vaegan.d_network)
    before = [weights_of(network) for network in networks]
    vaegan.run()
    kept = [
        name
        for network, weights in zip(networks, before, strict=True)
        for name, weight in network.named_parameters()
        if torch.equal(weight, weights[name])
    ]
    assert set(kept) <= {"final_conv.conv.bias"}  # of the discriminator: within the margin its pulls are equal


def test_the_kl_divergence_is_free_up_to_its_nats_and_its_weight_rises(batch):
    vaegan, seen = engine([batch] * 4, free_nats=1e6, lambda_kl=2.0, kl_warm_up=0.5), []
    vaegan.add_event_handler("ITERATION_COMPLETED", lambda engine: seen.append(engine.state.output["g_kl"].item()))
    vaegan.run()
    assert seen == pytest.approx([share * 2.0 * 1e6 * 16 / 256 for share in (0.5, 1.0, 1.0, 1.0)])


def test_without_feature_matching_its_pass_is_left_out(batch):
    passes = {}
    for weight in (0.0, 10.0):
        vaegan, seen = engine([batch], lambda_features=weight), []
        vaegan.d_network.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(1))
        vaegan.run()
        passes[weight] = len(seen)
        assert ("g_features" in vaegan.state.output) == (weight > 0)
    assert passes == {0.0: 3, 10.0: 4}


def test_four_phantoms_are_learned_by_heart():
    pairs = [nuclei_phantom((32, 32), seed=seed) for seed in range(4)]
    image = torch.stack([torch.from_numpy(pair.image) for pair in pairs])
    label = torch.stack([torch.from_numpy(pair.label.astype("int64")) for pair in pairs])
    vaegan = engine([{"image": image, "label": label}] * 40, rate=4e-3)
    condition = vaegan.generator.encode(label)

    def error() -> float:
        return (vaegan.generator.sample(condition, seeds=[1, 2, 3, 4]) - image).abs().mean().item()

    before = error()
    vaegan.run()
    assert error() < before / 4


def test_volumes_of_several_channels_and_instances_are_trained_on():
    network = ConditionalVAE(3, 3, 2, levels=1, base_features=4)
    generator = CVAEGenerator(network, InstanceEncoding())
    discriminator = patch_discriminator(3, 5, base_features=4, layers=1, norm="instance")
    batch = {"image": torch.rand(1, 2, 12, 8, 8), "label": blobs((12, 8, 8), 0)[None]}
    vaegan = VAEGANEngine(
        generator=generator,
        discriminator=discriminator,
        device="cpu",
        max_epochs=1,
        train_data_loader=[batch],
        g_optimizer=torch.optim.Adam(network.parameters()),
        d_optimizer=torch.optim.Adam(discriminator.parameters()),
    )
    vaegan.run()
    assert torch.isfinite(vaegan.state.output["loss"])


@pytest.mark.parametrize("observation_noise", [False, True])
def test_a_wrapped_training_ends_as_one_that_is_not(tmp_path, batch, observation_noise):
    ends = []
    with alone_in_a_group(tmp_path):
        for wrap in (None, nn.parallel.DistributedDataParallel):
            vaegan = engine([batch] * 3, observation_noise=observation_noise, wrap=wrap, ema_momentum=0.5)
            vaegan.run()  # fails if a weight gets no gradient
            ends.append({name: weights_of(part) for name, part in vaegan.parts().items() if name.endswith("network")})
    assert all(equal(ends[0][name], ends[1][name]) for name in ("g_network", "d_network", "ema_network"))


def test_a_resumed_training_ends_as_one_that_was_never_stopped(tmp_path, batch):
    ends = []
    for stops in ((4,), (2, 4)):
        for done in stops:
            vaegan = engine([batch] * 2, max_epochs=4, ema_momentum=0.1, instance_noise=0.1)
            if done < 4:
                vaegan.add_event_handler("EPOCH_COMPLETED", lambda engine, done=done: stop_after(engine, done))
            Checkpoint(tmp_path / f"{len(stops)}/checkpoint.pt", parts=vaegan.parts(), identity={}).run(vaegan)
        ends.append([weights_of(part) for part in (vaegan.ema_network, vaegan.d_network)])
    assert all(equal(*pair) for pair in zip(*ends, strict=True))


def test_what_is_saved_is_the_average_of_the_network_alone(tmp_path, batch):
    vaegan = engine([batch] * 2, ema_momentum=0.5)
    GeneratorSaver(tmp_path, vaegan.generator).attach(vaegan)
    vaegan.run()
    loaded = weights_of(load_generator(tmp_path).network)
    assert equal(loaded, weights_of(vaegan.ema_network))
    assert not equal(loaded, weights_of(vaegan.generator.network))


def test_a_loss_that_is_no_number_stops_before_any_weight_is_changed(batch):
    vaegan = engine([{**batch, "image": batch["image"] * float("nan")}])
    before = weights_of(vaegan.generator.network)
    with pytest.raises(NonFiniteLossError, match="iteration 1"):
        vaegan.run()
    assert equal(weights_of(vaegan.generator.network), before)


def test_another_adversarial_loss_can_be_given(batch):
    assert engine([batch], adversarial_loss=PatchGANLoss("lsgan")).adversarial_loss.kind == "lsgan"


@pytest.mark.parametrize("name", ["lambda_features", "lambda_l1", "lambda_kl", "free_nats"])
@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_weights_that_are_no_weights_are_refused(batch, name, weight):
    with pytest.raises(ValueError, match=f"{name} is {weight}, expected at least 0"):
        engine([batch], **{name: weight})


def test_a_warm_up_longer_than_the_training_is_refused(batch):
    with pytest.raises(ValueError, match="kl_warm_up is 2"):
        engine([batch], kl_warm_up=2)
