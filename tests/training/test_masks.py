from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_genaug.data import list_unpaired, load_datalist
from monai_genaug.masks import load_bank, load_lesions, load_procedural
from monai_genaug.phantoms import write_nuclei_dataset
from monai_genaug.training import fit_masks
from tests.helpers import write_pairs


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    file = write_nuclei_dataset(tmp_path_factory.mktemp("nuclei"), counts={"training": 3}, spatial_size=(64, 72))
    return load_datalist(file, fractions=(1, 0, 0))["training"]


@pytest.mark.parametrize(
    ("kind", "name", "load"),
    [("bank", "a.npz", load_bank), ("nuclei", "a.json", load_procedural), ("lesions", "a.json", load_lesions)],
)
def test_each_kind_is_saved_with_a_picture(nuclei, tmp_path, kind, name, load):
    path = fit_masks(kind, nuclei, tmp_path / name)
    label = load(path).set_random_state(seed=0)(np.zeros((1, 64, 72), np.uint16))
    assert label.any()
    assert Image.open(tmp_path / "a.png").size == (3 * 72 + 2 * 4, 3 * 64 + 2 * 4)


def test_a_bank_with_pixels_is_one_for_copy_paste(nuclei, tmp_path):
    assert load_bank(fit_masks("bank", nuclei, tmp_path / "a.npz", pixels=True)).store.channels == 1


def test_a_bank_of_classes_gives_classes(tmp_path):
    pairs = list_unpaired(write_pairs(tmp_path / "data", 4, (40, 48)), "label")
    bank = load_bank(fit_masks("bank", pairs, tmp_path / "a.npz", classes=True, picture=False))
    made = [bank.set_random_state(seed=seed)(np.zeros((1, 40, 48), np.uint8)) for seed in range(8)]
    assert set(np.unique(made)) <= {0, 1, 2}
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("kind", "name", "options", "message"),
    [
        ("trees", "a.npz", {}, "kind is 'trees', expected one of 'bank'"),
        ("bank", "a.json", {}, r"expected a name that ends with \.npz"),
        ("nuclei", "a.npz", {}, r"expected a name that ends with \.json"),
        ("nuclei", "a.json", {"pixels": True}, "options of a bank"),
        ("lesions", "a.json", {"classes": True}, "options of a bank"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_read(tmp_path: Path, kind, name, options, message):
    with pytest.raises(ValueError, match=message):
        fit_masks(kind, [{"label": "nowhere.png"}], tmp_path / name, **options)
