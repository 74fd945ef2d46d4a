"""`describe_datalist`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_genaug.data import FormatError, describe_datalist, load_datalist, write_array


def item(folder: Path, name: str, image: np.ndarray, label: np.ndarray) -> dict[str, str]:
    suffix = "png" if image.dtype == np.uint8 else "tif"
    return {
        "image": str(write_array(folder / f"{name}.{suffix}", image)),
        "label": str(write_array(folder / f"{name}_label.tif", label)),
    }


def grey(*shape: int, value: int = 0) -> np.ndarray:
    return np.full((1, *shape), value, np.uint8)


def objects(n: int) -> np.ndarray:
    label = np.zeros((1, 3, 2 * n + 1), np.uint16)
    label[0, 1, 1::2] = np.arange(1, n + 1)
    return label


def test_summary_spans_all_items(tmp_path: Path) -> None:
    items = [
        item(tmp_path, "a", grey(4, 9, value=7), grey(4, 9)),
        item(tmp_path, "b", grey(5, 6, value=80), grey(5, 6, value=1)),
    ]
    summary = describe_datalist(items)
    assert (summary.n, summary.n_read, summary.spatial_dims, summary.channels) == (2, 2, 2, 1)
    assert (summary.size_min, summary.size_max) == ((4, 6), (5, 9))
    assert (summary.intensity, summary.dtypes) == ((7.0, 80.0), ("uint8",))
    assert (summary.label_max, summary.label_kind) == (1, "binary")


def test_limit_spreads_over_the_list(tmp_path: Path) -> None:
    items = [item(tmp_path, str(i), grey(2, 2, value=i), grey(2, 2)) for i in range(9)]
    summary = describe_datalist(items, limit=3)
    assert (summary.n, summary.n_read, summary.intensity) == (9, 3, (0.0, 8.0))


def test_instances_are_recognised(tmp_path: Path) -> None:
    items = [item(tmp_path, str(n), np.zeros_like(objects(n), np.uint8), objects(n)) for n in (2, 5)]
    assert describe_datalist(items).label_kind == "instances"


def test_scattered_values_are_classes(tmp_path: Path) -> None:
    label = np.tile(np.array([[0, 1, 2, 3]], np.uint8), (1, 3, 4))
    items = [item(tmp_path, str(i), np.zeros_like(label), label * (label <= 3 - i)) for i in range(2)]
    assert describe_datalist(items).label_kind == "classes"


@pytest.mark.parametrize(
    ("name", "kind"), [("dsb2018_histology", "instances"), ("busi", "classes"), ("hippocampus", "classes")]
)
def test_kind_of_real_labels(real_data, name: str, kind: str) -> None:
    assert describe_datalist(load_datalist(real_data(name))["training"], limit=12).label_kind == kind


def test_multi_modality_items_need_a_key(real_data) -> None:
    items = load_datalist(real_data("ms_lesions"))["training"]
    with pytest.raises(ValueError, match="expected 'image' and 'label': pass image_key"):
        describe_datalist(items)


def test_label_of_another_size_raises(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a_label\.tif has shape \(1, 3, 2\), expected \(1, 2, 3\)"):
        describe_datalist([item(tmp_path, "a", grey(2, 3), grey(3, 2))])


def test_image_with_nan_raises(tmp_path: Path) -> None:
    image = np.array([[[0.0, np.nan]]], np.float32)
    with pytest.raises(FormatError, match=r"a\.tif holds NaN"):
        describe_datalist([item(tmp_path, "a", image, grey(1, 2))])


def test_fractional_label_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a_label\.tif holds 0\.5"):
        describe_datalist([item(tmp_path, "a", grey(1, 2), np.array([[[0, 0.5]]], np.float32))])


def test_mixed_channels_raise_and_name_both_files(tmp_path: Path) -> None:
    items = [
        item(tmp_path, "a", grey(2, 2), grey(2, 2)),
        item(tmp_path, "b", np.zeros((3, 2, 2), np.uint8), grey(2, 2)),
    ]
    with pytest.raises(FormatError, match=r"b\.png has 3 channels and 2 dimensions, but .*a\.png has 1 and 2"):
        describe_datalist(items)


def test_empty_list_raises() -> None:
    with pytest.raises(ValueError, match="the data list is empty"):
        describe_datalist([])


def test_limit_below_1_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="limit is 0"):
        describe_datalist([item(tmp_path, "a", grey(2, 2), grey(2, 2))], limit=0)


def test_an_image_in_the_place_of_a_label_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 200, (1, 20, 30)).astype(np.uint8)
    with pytest.raises(ValueError, match=r"a_label\.tif holds .* values, .*it looks like an image"):
        describe_datalist([item(tmp_path, "a", grey(20, 30), noise)])


def test_a_colour_label_is_told_by_its_channels_and_not_compared_with_itself(tmp_path: Path) -> None:
    file = write_array(tmp_path / "0.png", np.zeros((3, 4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"0\.png has 3 channels, expected one: save label maps") as caught:
        describe_datalist([{"label": str(file)}], image_key="label")
    assert "as its image" not in str(caught.value)
