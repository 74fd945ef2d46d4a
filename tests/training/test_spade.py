from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.engines import PrepareBatchExtraInput
from torch import nn

from monai_genaug import load_generator
from monai_genaug.data import load_datalist
from monai_genaug.generators import SPADEGenerator
from monai_genaug.losses import PatchGANLoss, feature_matching_loss
from monai_genaug.masks import BinaryEncoding
from monai_genaug.networks import SPADEResNet, style_statistics
from monai_genaug.phantoms import nuclei_phantom
from monai_genaug.training import SPADEEngine, TwoDiscriminators, patch_discriminator, train_bundle
from tests.helpers import TINY, blobs, write_pairs

UNLABELLED = ("unlabelled", "new_label")


def engine(batches: list[dict[str, Any]], *, two: bool = False, keys: tuple[str, ...] = (), **kwargs) -> SPADEEngine:
    torch.manual_seed(0)
    style_bank, rate = kwargs.pop("style_bank", 0), kwargs.pop("rate", 2e-4)
    network = SPADEResNet(2, 1, 1, levels=2, base_features=8, hidden_features=16, style_bank=style_bank)
    pair, alone = (patch_discriminator(2, n, base_features=4, layers=1, norm="instance") for n in (2, 1))
    discriminator = TwoDiscriminators(pair, alone) if two else pair
    return SPADEEngine(
        generator=SPADEGenerator(network, BinaryEncoding()),
        discriminator=discriminator,
        device="cpu",
        max_epochs=1,
        train_data_loader=batches,
        prepare_batch=PrepareBatchExtraInput({key: key for key in keys}),
        g_optimizer=torch.optim.Adam(network.parameters(), rate, (0.5, 0.999)),
        d_optimizer=torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)),
        **kwargs,
    )


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def unchanged(network: nn.Module, before: dict[str, torch.Tensor]) -> list[str]:
    return [name for name, weight in network.named_parameters() if torch.equal(weight, before[name])]


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    image, other = torch.rand(2, 1, 16, 16, generator=rng), 0.3 * torch.rand(2, 1, 16, 16, generator=rng)
    return {
        "image": image,
        "label": torch.stack([blobs((16, 16), seed) for seed in (0, 1)]).float(),
        "style": style_statistics(image),
        "unlabelled": other,
        "new_label": torch.stack([blobs((16, 16), seed) for seed in (2, 3)]).float(),
        "unlabelled_style": style_statistics(other),
    }


def test_losses_are_those_of_the_paper_and_their_weights_count(batch):
    spade = engine([batch], lambda_features=3.0, lambda_l1=7.0, lambda_mode_seeking=0)
    tensors = spade.forward(batch["image"], batch["label"])
    condition, real, fake = tensors["condition"], tensors["real"], tensors["fake"]
    losses = spade.g_losses(tensors)
    real_maps, fake_maps = (spade.d_network(torch.cat((condition, image), dim=1)) for image in (real, fake))
    assert set(losses) == {"g_adversarial", "g_l1", "g_features"}
    assert losses["g_adversarial"].item() == pytest.approx(-fake_maps[-1].mean().item(), rel=1e-5)
    assert losses["g_l1"].item() == pytest.approx(7.0 * (fake - real).abs().mean().item(), rel=1e-5)
    assert losses["g_features"].item() == pytest.approx(3.0 * feature_matching_loss(real_maps, fake_maps).item())


def test_the_discriminators_loss_is_the_hinge_by_default(batch):
    spade = engine([batch])
    tensors = spade.forward(batch["image"], batch["label"])
    real, fake = (
        spade.d_network(torch.cat((tensors["condition"], tensors[name]), dim=1))[-1] for name in ("real", "fake")
    )
    expected = 0.5 * ((1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean())
    assert spade.d_losses(tensors)["d_adversarial"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_an_iteration_changes_every_weight_of_both_networks(batch):
    spade = engine([batch])
    before = [weights_of(network) for network in (spade.g_network, spade.d_network)]
    spade.run()
    assert unchanged(spade.g_network, before[0]) == []
    assert unchanged(spade.d_network, before[1]) == ["final_conv.conv.bias"]  # within the margin its pulls are equal
    assert {"g_adversarial", "g_features", "g_l1", "g_mode_seeking", "d_adversarial"} <= set(spade.state.output)


def test_the_generators_losses_leave_the_discriminator_alone(batch):
    spade = engine([batch])
    spade.d_optimizer.param_groups[0]["lr"] = 0.0
    before = weights_of(spade.d_network)
    spade.run()
    assert unchanged(spade.d_network, before) == list(before)


def test_without_feature_matching_its_pass_is_left_out(batch):
    passes = {}
    for weight in (0.0, 10.0):
        spade, seen = engine([batch], lambda_features=weight), []
        spade.d_network.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(1))
        spade.run()
        passes[weight] = len(seen)
        assert ("g_features" in spade.state.output) == (weight > 0)
    assert passes == {0.0: 3, 10.0: 4}


def test_four_phantoms_are_learned_by_heart():
    pairs = [nuclei_phantom((32, 32), seed=seed) for seed in range(4)]
    image = torch.stack([torch.from_numpy(pair.image) for pair in pairs])
    label = torch.stack([torch.from_numpy(pair.label.astype("int64")) for pair in pairs])
    spade = engine([{"image": image, "label": label}] * 30, rate=4e-3)
    condition = spade.generator.encode(label)

    def error() -> float:
        return (spade.generator.sample(condition, seeds=[1, 2, 3, 4]) - image).abs().mean().item()

    before = error()
    spade.run()
    assert error() < before / 4


def test_mode_seeking_makes_seeds_differ():
    batch = {"image": torch.full((4, 1, 16, 16), 0.5), "label": torch.ones(4, 1, 16, 16)}
    spread = {}
    for weight in (0.0, 1.0):
        spade = engine([batch] * 20, lambda_mode_seeking=weight, rate=2e-3)
        spade.run()
        condition = spade.generator.encode(batch["label"])
        spread[weight] = spade.generator.sample(condition, seeds=[1, 2, 3, 4]).std(0).mean().item()
    assert spread[1.0] > 10 * spread[0.0]
    assert spread[1.0] > 0.01


def test_what_is_made_gets_the_style_of_the_image_that_it_is_compared_with(batch):
    spade = engine([batch], style_bank=4)
    styles = spade.generator.network.styles
    styles.fit([torch.rand(1, 8, 8) * factor for factor in (0.2, 0.6, 1.0)])
    noise = spade.forward(batch["image"], batch["label"], style=batch["style"])["noise"]
    torch.testing.assert_close(noise[:, :3, 5, 9], styles.standardize(batch["style"]))
    with pytest.raises(ValueError, match="add AddStyled"):
        spade.forward(batch["image"], batch["label"])


def test_unlabelled_images_train_a_second_discriminator_whose_features_are_not_matched(batch):
    spade = engine([batch], two=True, keys=UNLABELLED, lambda_unlabelled=2.0)
    before = weights_of(spade.d_network.second)
    tensors = spade.forward(batch["image"], batch["label"], **{key: batch[key] for key in UNLABELLED})
    losses = spade.g_losses(tensors)
    logits = spade.d_network.second(tensors["fake_unlabelled"])[-1]
    assert losses["g_unlabelled"].item() == pytest.approx(-2.0 * logits.mean().item(), rel=1e-5)
    pairs = [torch.cat((tensors["condition"], tensors[name]), dim=1) for name in ("real", "fake")]
    expected = 10.0 * feature_matching_loss(*(spade.d_network.first(pair) for pair in pairs))
    assert losses["g_features"].item() == pytest.approx(expected.item(), rel=1e-5)
    spade.run()
    assert unchanged(spade.d_network.second, before) == ["final_conv.conv.bias"]


@pytest.mark.parametrize("name", ["lambda_features", "lambda_l1", "lambda_mode_seeking", "lambda_unlabelled"])
@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_weights_that_are_no_weights_are_refused(batch, name, weight):
    with pytest.raises(ValueError, match=f"{name} is {weight}, expected at least 0"):
        engine([batch], **{name: weight})


def test_a_discriminator_that_gives_logits_alone_is_refused_for_feature_matching(batch):
    spade = engine([batch])
    inner = spade.d_network
    spade.d_network = nn.Sequential()
    spade.d_network.forward = lambda pair: inner(pair)[-1:]
    with pytest.raises(ValueError, match="expected equally many, 2 or more"):
        spade.g_losses(spade.forward(batch["image"], batch["label"]))


def test_another_adversarial_loss_can_be_given(batch):
    assert engine([batch], adversarial_loss=PatchGANLoss("lsgan")).adversarial_loss.kind == "lsgan"


@pytest.mark.parametrize(
    ("size", "channels", "settings"),
    [
        ((20, 24), 3, {"image_channels": 3}),
        ((20, 24), 1, {"encoding": "@one_hot", "condition_channels": 2}),
        ((20, 24), 1, {"encoding": "@instance", "condition_channels": 3}),
        ((18, 20, 16), 1, {"spatial_dims": 3, "network_def#norm": "instance"}),
        ((20, 24), 3, {"image_channels": 3, "network_def#style_bank": 4}),
    ],
    ids=["colour", "classes", "instances", "volumes", "styles"],
)
def test_the_bundle_trains_on_every_kind_of_data_and_its_generator_loads(tmp_path, size, channels, settings):
    data = load_datalist(write_pairs(tmp_path / "data", 3, size, channels=channels), fractions=(1, 0, 0))
    train_bundle("nuclei_spade", {**TINY, "datalist": data, "output_dir": str(tmp_path / "out"), **settings})
    generator = load_generator(tmp_path / "out")
    label = blobs(size, 0)[None]
    assert generator.name == "SPADEGenerator"
    assert generator.sample(generator.encode(label), seeds=[1]).shape == (1, channels, *size)
    assert (tmp_path / "out/samples/epoch_0002.png").is_file()


def test_the_bundle_goes_on_exactly_where_it_was_stopped_with_unlabelled_images(tmp_path):
    data = load_datalist(write_pairs(tmp_path / "data", 3), fractions=(1, 0, 0))
    more = write_pairs(tmp_path / "more", 4, (24, 20))
    settings = {**TINY, "datalist": data, "unlabelled_dir": str(more / "images"), "network_def#style_bank": 4}

    class Stop(KeyboardInterrupt):
        pass

    def stop(done, total, losses):
        if done == 3:  # in the second epoch of two
            raise Stop

    with pytest.raises(Stop):
        train_bundle("nuclei_spade", {**settings, "output_dir": str(tmp_path / "stopped")}, progress=stop)
    for name in ("stopped", "whole"):
        train_bundle("nuclei_spade", {**settings, "output_dir": str(tmp_path / name)})
    stopped, whole = (
        torch.load(tmp_path / name / "models/model.pt", weights_only=True) for name in ("stopped", "whole")
    )
    assert all(torch.equal(stopped[key], whole[key]) for key in whole)
    assert whole["styles.codes"].abs().sum() > 0
