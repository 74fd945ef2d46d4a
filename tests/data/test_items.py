"""Loading images and labels into memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

from monai_genaug.data import CheckPaird, ScaleToUnitd, load_datalist, load_items, scale_to_unit, write_array


def entry(folder: Path, image: np.ndarray, label: np.ndarray, name: str = "a") -> dict[str, str]:
    suffix = ".tif" if image.dtype == np.float32 else ".png"
    return {
        "image": str(write_array(folder / f"{name}{suffix}", image)),
        "label": str(write_array(folder / f"{name}_label.png", label)),
        "group": "g1",
    }


def ramp(channels: int, dtype: type, top: int) -> np.ndarray:
    return np.linspace(0, top, channels * 20 * 30).reshape(channels, 20, 30).astype(dtype)


def test_grey_images_are_scaled_by_their_own_percentiles(tmp_path):
    [item] = load_items([entry(tmp_path, ramp(1, np.uint16, 3000) + 1000, np.ones((1, 20, 30), np.uint8))])
    raw = np.linspace(0, 3000, 600).astype(np.uint16) + 1000.0
    low, high = np.percentile(raw, [0.1, 99.9])
    expected = np.clip((raw - low) / (high - low), 0, 1).reshape(1, 20, 30)
    np.testing.assert_allclose(item["image"].numpy(), expected, atol=1e-4)
    assert item["image"].dtype == torch.float32


def test_8_bit_colour_keeps_its_fixed_range(tmp_path):
    image = ramp(3, np.uint8, 100)
    [item] = load_items([entry(tmp_path, image, np.ones((1, 20, 30), np.uint8))])
    np.testing.assert_allclose(item["image"].numpy(), image / 255, atol=1e-6)


def test_labels_keep_their_instance_numbers_as_plain_int64(tmp_path):
    label = np.zeros((1, 20, 30), np.uint16)
    label[0, 3:5, 7:9] = 40_000
    [item] = load_items([entry(tmp_path, ramp(1, np.uint8, 255), label)])
    assert type(item["label"]) is torch.Tensor
    assert item["label"].dtype == torch.int64
    assert (item["label"].numpy() == label).all()


def test_items_carry_group_and_name(tmp_path):
    [item] = load_items([entry(tmp_path, ramp(1, np.uint8, 255), np.ones((1, 20, 30), np.uint8), "cell_7")])
    assert (item["group"], item["name"]) == ("g1", "cell_7")


def test_an_item_of_an_ordinary_list_without_group_stands_alone(tmp_path):
    ordinary = entry(tmp_path, ramp(1, np.uint8, 255), np.ones((1, 20, 30), np.uint8))
    del ordinary["group"]
    [item] = load_items([ordinary])
    assert item["group"] == ordinary["image"]


def test_an_image_in_the_place_of_a_label_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 200, (1, 20, 30)).astype(np.uint8)
    with pytest.raises(ValueError, match=r"a_label\.png holds .* values, .*it looks like an image"):
        load_items([entry(tmp_path, ramp(1, np.uint8, 255), noise)])


def test_a_constant_image_becomes_zero():
    with pytest.warns(Warning, match="a_min == a_max"):
        assert scale_to_unit(torch.full((1, 4, 4), 7.0)).eq(0).all()


def test_a_few_bright_pixels_on_constant_ground_stay_within_range():
    image = torch.zeros(1, 100, 100)
    image[0, 0, 0] = 5000.0
    with pytest.warns(Warning, match="a_min == a_max"):
        assert scale_to_unit(image).max() == 1.0


def test_nan_is_refused_with_the_name_of_the_file(tmp_path):
    image = ramp(1, np.float32, 1)
    image[0, 2, 2] = np.nan
    with pytest.raises(ValueError, match=r"a\.tif holds NaN or Inf, expected finite"):
        load_items([entry(tmp_path, image, np.ones((1, 20, 30), np.uint8))])


def test_a_label_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a_label\.png has the shape \(1, 20, 20\), expected \(1, 20, 30\)"):
        load_items([entry(tmp_path, ramp(1, np.uint8, 255), np.ones((1, 20, 20), np.uint8))])


def test_a_colour_label_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the label as one channel"):
        load_items([entry(tmp_path, ramp(1, np.uint8, 255), ramp(3, np.uint8, 3))])


def test_fractional_labels_are_refused(tmp_path):
    wrong = entry(tmp_path, ramp(1, np.uint8, 255), np.ones((1, 20, 30), np.uint8))
    wrong["label"] = str(write_array(tmp_path / "soft.tif", np.full((1, 20, 30), 0.5, np.float32)))
    with pytest.raises(ValueError, match=r"soft\.tif holds 0\.5, expected whole numbers"):
        load_items([wrong])


def test_grey_and_colour_together_are_refused(tmp_path):
    label = np.ones((1, 20, 30), np.uint8)
    mixed = [entry(tmp_path, ramp(1, np.uint8, 255), label), entry(tmp_path, ramp(3, np.uint8, 255), label, "b")]
    with pytest.raises(ValueError, match="expected equal channels and dimensions: use one kind of image"):
        load_items(mixed)


def test_a_truncated_file_is_refused_by_name(tmp_path):
    good = entry(tmp_path, ramp(1, np.uint8, 255), np.ones((1, 20, 30), np.uint8))
    file = Path(good["image"])
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"a\.png"):
        load_items([good])


def test_a_missing_file_is_named(tmp_path):
    good = entry(tmp_path, ramp(1, np.uint8, 255), np.ones((1, 20, 30), np.uint8))
    Path(good["image"]).unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        load_items([good])


def test_an_entry_without_an_image_key_is_refused():
    with pytest.raises(ValueError, match=r"the keys \['flair', 'group', 'label'\], expected image and label"):
        load_items([{"flair": "a.nii", "label": "b.nii", "group": "p1"}])


def pair(**change) -> dict[str, torch.Tensor]:
    return {"image": torch.rand(2, 4, 5), "label": torch.ones(1, 4, 5), "name": "a", **change}


def test_a_checked_pair_has_an_int64_label_and_keeps_the_rest():
    before = pair(label=torch.full((1, 4, 5), 3.0))
    after = CheckPaird(["image", "label"])(before)
    assert after["label"].dtype == torch.int64
    assert (after["label"] == 3).all()
    assert after["image"] is before["image"]
    assert after["name"] == "a"
    assert before["label"].dtype == torch.float32  # the caller's sample stays


def test_a_checked_pair_keeps_its_metadata():
    label = MetaTensor(torch.ones(1, 4, 5), meta={"filename_or_obj": "b.png"})
    after = CheckPaird(["image", "label"])(pair(label=label))["label"]
    assert after.meta["filename_or_obj"] == "b.png"


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (torch.ones(1, 4, 4), r"label has the shape \(1, 4, 4\), expected \(1, 4, 5\) to fit image"),
        (torch.ones(2, 4, 5), r"label has the shape \(2, 4, 5\), expected \(1, 4, 5\)"),
        (torch.ones(4, 5), r"label has the shape \(4, 5\), expected \(1, 4, 5\)"),
        (torch.full((1, 4, 5), 0.5), r"label holds 0\.5, expected whole numbers"),
        (torch.full((1, 4, 5), -1), r"label holds -1"),
        (torch.full((1, 4, 5), float("nan")), r"label holds nan"),
    ],
    ids=["size", "channels", "no channel", "fractions", "negative", "nan"],
)
def test_what_is_no_pair_is_refused_by_its_key_or_file(label, message):
    with pytest.raises(ValueError, match=message):
        CheckPaird(["image", "label"])(pair(label=label))
    with pytest.raises(ValueError, match=message.replace("label ", r"b\.png ", 1)):
        CheckPaird(["image", "label"])(pair(label=MetaTensor(label, meta={"filename_or_obj": "b.png"})))


def test_images_are_scaled_in_a_chain_as_items_are(tmp_path):
    one = entry(tmp_path, ramp(1, np.uint16, 3000), np.ones((1, 20, 30), np.uint8))
    chain = Compose([LoadImaged("image", dtype=None), EnsureChannelFirstd("image"), ScaleToUnitd("image")])
    scaled = chain({"image": one["image"]})["image"]
    assert isinstance(scaled, MetaTensor)
    assert scaled.meta["filename_or_obj"] == one["image"]
    assert scaled.dtype == torch.float32
    expected = load_items([one])[0]["image"]
    assert sorted(scaled.flatten().tolist()) == pytest.approx(sorted(expected.flatten().tolist()))


def test_several_images_are_scaled_and_missing_ones_allowed_if_told():
    scale = ScaleToUnitd(["t1", "t2"], allow_missing_keys=True)
    scaled = scale({"t1": torch.tensor([[[0.0, 4.0]]]), "label": torch.ones(1, 1, 2)})
    assert scaled["t1"].flatten().tolist() == pytest.approx([0.0, 1.0])
    assert (scaled["label"] == 1).all()
    with pytest.raises(KeyError, match="t2"):
        ScaleToUnitd(["t1", "t2"])({"t1": torch.rand(1, 2, 2)})


def test_nan_in_a_chain_is_refused_by_key_or_file():
    with pytest.raises(ValueError, match="image holds NaN or Inf"):
        ScaleToUnitd("image")({"image": torch.full((1, 2, 2), float("nan"))})
    bad = MetaTensor(torch.full((1, 2, 2), float("inf")), meta={"filename_or_obj": "a.tif"})
    with pytest.raises(ValueError, match=r"a\.tif holds NaN or Inf"):
        ScaleToUnitd("image")({"image": bad})


@pytest.mark.parametrize(("name", "channels"), [("dsb2018_fluorescence", 1), ("dsb2018_histology", 3), ("busi", 1)])
def test_real_images_lie_in_the_unit_range_with_their_own_labels(real_data, name, channels):
    folder = real_data(name)
    items = load_items(load_datalist(folder)["training"][:4])
    first = json.loads((folder / "dataset.json").read_text())["training"][0]
    assert items[0]["name"] == Path(first["image"]).stem
    for item in items:
        assert item["image"].shape[0] == channels
        assert 0.0 <= item["image"].min() <= item["image"].max() <= 1.0
        assert item["image"].std() > 0.02
        assert item["label"].shape == (1, *item["image"].shape[1:])
