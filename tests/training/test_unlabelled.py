"""Tests of what Pix2Pix learns from images without labels."""

from __future__ import annotations

import pytest
import torch
from monai.engines import PrepareBatchExtraInput

from monai_genaug.generators import Pix2PixGenerator
from monai_genaug.masks import BinaryEncoding
from monai_genaug.networks import Pix2PixUNet, style_statistics
from monai_genaug.training import AddStyled, Pix2PixEngine, TwoDiscriminators, fit_styles, patch_discriminator
from tests.helpers import blobs, train, write_pairs

UNLABELLED = ("unlabelled", "new_label")
STYLED = ("style", "unlabelled_style")


def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    image, other = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16) * 0.3
    return {
        "image": image,
        "label": torch.stack([blobs((16, 16), seed) for seed in (0, 1)]).float(),
        "style": style_statistics(image),
        "unlabelled": other,
        "new_label": torch.stack([blobs((16, 16), seed) for seed in (2, 3)]).float(),
        "unlabelled_style": style_statistics(other),
    }


def engine(*keys: str, style_bank: int = 0, **kwargs) -> Pix2PixEngine:
    torch.manual_seed(0)
    network = Pix2PixUNet(2, 1, 1, levels=2, base_features=4, norm="instance", style_bank=style_bank)
    pair, alone = (patch_discriminator(2, n, base_features=4, layers=1, norm="instance") for n in (2, 1))
    discriminator = TwoDiscriminators(pair, alone) if "unlabelled" in keys else pair
    return Pix2PixEngine(
        generator=Pix2PixGenerator(network, BinaryEncoding()),
        discriminator=discriminator,
        device="cpu",
        max_epochs=1,
        train_data_loader=[batch()],
        prepare_batch=PrepareBatchExtraInput({key: key for key in keys}),
        g_optimizer=torch.optim.Adam(network.parameters(), 1e-3),
        d_optimizer=torch.optim.Adam(discriminator.parameters(), 1e-3),
        **kwargs,
    )


def test_unlabelled_images_train_a_second_discriminator_and_the_generator():
    pix2pix = engine(*UNLABELLED, lambda_unlabelled=2.0)
    before = {name: value.clone() for name, value in pix2pix.d_network.named_parameters()}
    pix2pix.run()
    assert {"g_unlabelled", "d_unlabelled"} <= set(pix2pix.state.output)
    assert all(not torch.equal(value, before[name]) for name, value in pix2pix.d_network.named_parameters())


def test_their_loss_is_weighted_and_moves_the_generator():
    gradients = []
    for weight in (0.0, 1.0):
        pix2pix = engine(*UNLABELLED, lambda_unlabelled=weight, lambda_l1=0, lambda_mode_seeking=0)
        parts = batch()
        tensors = pix2pix.forward(parts["image"], parts["label"], **{key: parts[key] for key in UNLABELLED})
        loss = pix2pix.g_losses(tensors)["g_unlabelled"]
        gradients.append(torch.autograd.grad(loss, pix2pix.g_network.last[1].weight)[0].abs().sum())
    assert gradients[0] == 0
    assert gradients[1] > 0


def test_the_second_discriminator_sees_images_made_of_the_new_labels_and_no_labels():
    pix2pix = engine(*UNLABELLED)
    parts = batch()
    seen = []
    pix2pix.d_network.second.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    tensors = pix2pix.forward(parts["image"], parts["label"], **{key: parts[key] for key in UNLABELLED})
    pix2pix.d_losses(tensors)
    torch.testing.assert_close(seen[0], 2 * parts["unlabelled"] - 1)
    torch.testing.assert_close(seen[1], tensors["fake_unlabelled"].detach())
    assert not torch.equal(tensors["fake_unlabelled"], tensors["fake"])


def test_what_is_made_gets_the_style_of_the_image_that_it_is_compared_with():
    pix2pix = engine(*UNLABELLED, *STYLED, style_bank=4)
    pix2pix.generator.network.styles.fit([torch.rand(1, 8, 8) * factor for factor in (0.2, 0.6, 1.0)])
    parts = batch()
    tensors = pix2pix.forward(parts.pop("image"), parts.pop("label"), **parts)
    styles = pix2pix.generator.network.styles.standardize(parts["style"])
    torch.testing.assert_close(tensors["noise"][:, :3, 0, 0], styles)
    torch.testing.assert_close(tensors["noise"][:, :3, 9, 4], styles)


def test_a_network_that_takes_styles_asks_for_them():
    with pytest.raises(ValueError, match="add AddStyled"):
        engine(style_bank=4).run()


def test_the_style_added_is_that_of_the_whole_image():
    image = torch.rand(3, 9, 7)
    sample = AddStyled("image", "look")({"image": image, "other": 1})
    torch.testing.assert_close(sample["look"], style_statistics(image[None])[0])
    assert sample["other"] == 1


def test_a_bundle_trains_on_unlabelled_images_with_styles_and_stays_exact_when_stopped(tmp_path):
    data, more = write_pairs(tmp_path / "data"), write_pairs(tmp_path / "more", 4, (24, 20))
    overrides = {"unlabelled_dir": str(more / "images"), "network_def#style_bank": 4}

    class Stop(KeyboardInterrupt):
        pass

    def stop(done, total, losses):
        assert losses["g_unlabelled"] > 0
        if done == 3:  # in the second epoch of two
            raise Stop

    with pytest.raises(Stop):
        train(data, tmp_path / "stopped", progress=stop, **overrides)
    train(data, tmp_path / "stopped", **overrides)
    train(data, tmp_path / "whole", **overrides)
    stopped, whole = (
        torch.load(tmp_path / name / "models/model.pt", weights_only=True) for name in ("stopped", "whole")
    )
    assert all(torch.equal(stopped[key], whole[key]) for key in whole)
    assert whole["styles.codes"].abs().sum() > 0


def test_other_unlabelled_images_are_another_training(tmp_path):
    data, more = write_pairs(tmp_path / "data"), write_pairs(tmp_path / "more", 4)
    train(data, tmp_path / "out", unlabelled_dir=str(more / "images"))
    (more / "images/3.png").unlink()
    with pytest.raises(ValueError, match=r"is of another training \(settings.unlabelled"):
        train(data, tmp_path / "out", unlabelled_dir=str(more / "images"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"channels": 3}, "unlabelled images have 3 channels, the images of the pairs 1: set unlabelled_dir"),
        ({"size": (9, 10, 11)}, "unlabelled images have 3 dimensions, the images of the pairs 2"),
    ],
    ids=["colour", "volumes"],
)
@pytest.mark.parametrize("style_bank", [0, 4])
def test_unlabelled_images_of_another_kind_are_refused_before_anything_is_built_of_them(
    tmp_path, more, message, style_bank
):
    data, others = write_pairs(tmp_path / "data"), write_pairs(tmp_path / "more", **more)
    overrides = {"unlabelled_dir": str(others / "images"), "network_def#style_bank": style_bank}
    with pytest.raises(ValueError, match=message):
        train(data, tmp_path / "out", **overrides)
    assert not (tmp_path / "out/checkpoint.pt").exists()


def test_an_empty_folder_of_unlabelled_images_is_named_by_its_setting(tmp_path):
    (tmp_path / "more").mkdir()
    with pytest.raises(ValueError, match=r"^unlabelled_dir /.*more is empty, expected images"):
        train(write_pairs(tmp_path / "data"), tmp_path / "out", unlabelled_dir=str(tmp_path / "more"))


def test_styles_are_read_from_images_of_the_data_set(tmp_path):
    write_pairs(tmp_path, 3)
    network = Pix2PixUNet(2, 1, 1, levels=2, base_features=4, style_bank=2)
    fit_styles(network, [{"image": str(tmp_path / f"images/{number}.png")} for number in range(3)])
    assert network.styles.codes.abs().sum() > 0
    fit_styles(Pix2PixUNet(2, 1, 1, levels=2, base_features=4), [])  # has no bank
