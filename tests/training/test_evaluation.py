from __future__ import annotations

import csv
import json
import logging
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow

from monai_genaug.data import digest_datalist, load_datalist, read_array, write_array
from monai_genaug.generators import save_generator
from monai_genaug.generators.folders import digest_generator, find_bundle
from monai_genaug.training.evaluation import check_origin, list_pairs, score_pair
from tests.helpers import blobs, build, save_untrained, write_pairs

BUNDLE = find_bundle("nuclei_pix2pix")


def evaluate(data: Path, out: Path, generator: Path, **overrides) -> tuple[list[dict[str, str]], dict]:
    """Run evaluate.yaml as `monai.bundle run` does; give lines of metrics.csv and content of metrics.json."""
    workflow = ConfigWorkflow(
        config_file=[str(BUNDLE / "configs/network.yaml"), str(BUNDLE.parent / "shared/evaluate.yaml")],
        logging_file=False,
        workflow_type="eval",
        bundle_root=str(BUNDLE),
        dataset_dir=str(data),
        output_dir=str(out),
        generator_dir=str(generator),
        device="cpu",
        patch_size=6,
        **overrides,
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()
    with (out / "metrics.csv").open() as file:
        return list(csv.DictReader(file)), json.loads((out / "metrics.json").read_text())


def messages(error: BaseException | None) -> str:
    """What was said by an error and by those that MONAI's parser wrapped."""
    return f"{error} {messages(error.__cause__)}" if error else ""


@pytest.fixture(scope="module")
def generator(tmp_path_factory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("generator"))


@pytest.fixture
def data(tmp_path) -> Path:
    return write_pairs(tmp_path / "data", count=6)


def test_every_image_of_the_split_is_scored_and_the_means_are_theirs(data, tmp_path, generator, caplog):
    with caplog.at_level(logging.INFO):
        rows, summary = evaluate(data, tmp_path / "out", generator, split="validation")
    items = load_datalist(data)["validation"]
    assert [row["name"] for row in rows] == [Path(item["image"]).stem for item in items]
    assert set(summary["means"]) == set(rows[0]) - {"name"}
    for name, mean in summary["means"].items():
        values = [float(row[name]) for row in rows]
        assert mean == {"mean": pytest.approx(np.mean(values), rel=1e-5), "n": len(rows)}
        assert all(0 <= value <= 1 for value in values)
    assert f"mae: {summary['means']['mae']['mean']:.4g} (n={len(rows)})" in caplog.text


def test_the_summary_tells_generator_settings_and_data(data, tmp_path, generator):
    summary = evaluate(data, tmp_path / "out", generator, seed=4)[1]
    assert summary["generator"] == digest_generator(generator)
    expected = {"data": digest_datalist(load_datalist(data)["test"]), "split": "test", "seed": 4, "patch_size": 6}
    assert summary["settings"] == expected
    assert summary["trained_on_training_split"] is False


def test_the_scores_repeat_and_hang_on_the_seed(data, tmp_path, generator):
    rows, again, other = (
        evaluate(data, tmp_path / str(number), generator, seed=seed)[0] for number, seed in enumerate((0, 0, 1))
    )
    assert rows == again
    assert rows[0]["mae"] != other[0]["mae"]
    assert rows[0]["real_inside"] == other[0]["real_inside"]


def test_a_test_image_that_is_a_turned_copy_of_a_training_image_is_told(data, tmp_path, generator):
    splits = load_datalist(data)
    for key in ("image", "label"):
        turned = np.rot90(read_array(splits["training"][0][key])[0], axes=(1, 2))
        write_array(splits["test"][0][key], turned)
    copied = evaluate(data, tmp_path / "test", generator)[0][0]
    other = evaluate(data, tmp_path / "validation", generator, split="validation")[0][0]
    name = "nearest_training_distance_of_real"
    assert float(copied[name]) < 1e-3 < float(other[name])
    assert float(copied["nearest_training_distance"]) > 0.01


def test_an_image_without_foreground_has_no_scores_inside_and_does_not_count(data, tmp_path, generator):
    items = load_datalist(data)["test"]
    write_array(items[0]["label"], np.zeros((1, 20, 24), np.uint8))
    rows, summary = evaluate(data, tmp_path / "out", generator)
    assert rows[0]["real_inside"] == rows[0]["seed_difference_inside"] == ""
    assert summary["means"]["real_inside"]["n"] == len(items) - 1
    assert summary["means"]["real_outside"]["n"] == len(items)


def test_volumes_can_be_evaluated(tmp_path):
    data = write_pairs(tmp_path / "data", count=3, size=(14, 13, 12))
    rows, summary = evaluate(data, tmp_path / "out", save_untrained(tmp_path / "generator", spatial_dims=3))
    assert len(rows) == summary["means"]["nearest_training_distance"]["n"] == 1


def test_a_generator_of_other_channels_is_refused(data, tmp_path):
    colour = save_untrained(tmp_path / "generator", image_channels=3)
    with pytest.raises(RuntimeError) as caught:
        evaluate(data, tmp_path / "out", colour)
    assert "expected equal channels" in messages(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_patch_larger_than_an_image_is_refused(data, tmp_path, generator):
    shutil.rmtree(data)
    write_pairs(data, size=(11, 30))
    with pytest.raises(RuntimeError) as caught:
        evaluate(data, tmp_path / "out", generator)
    assert "size is 6, expected 1 to 5" in messages(caught.value)


@pytest.mark.parametrize("split", ["training", "all"])
def test_only_splits_that_were_not_trained_on_can_be_evaluated(split):
    with pytest.raises(ValueError, match="expected one of 'validation', 'test'"):
        list_pairs({"training": [{}], "test": [{}]}, split)


def test_seeds_hang_on_the_name_of_an_image_and_not_on_its_place_in_the_list():
    entries = [{"image": f"/d/images/{n}.nii.gz", "label": "l", "group": n} for n in "ab"]
    first, second = list_pairs({"test": entries}, "test")
    moved = list_pairs({"test": [{**entries[1], "image": "/e/images/b.nii.gz"}]}, "test")[0]
    assert [first["name"], second["name"]] == ["a", "b"]
    assert torch.equal(second["seed"], moved["seed"])
    assert len({*first["seed"].tolist(), *second["seed"].tolist()}) == 4


def test_pairs_of_an_ordinary_list_without_groups_stand_alone():
    [pair] = list_pairs({"test": [{"image": "/d/a.png", "label": "/d/b.png"}]}, "test")
    assert pair["group"] == "/d/a.png"


def test_scores_are_those_of_their_definitions():
    label = blobs((16, 16), 0)
    inside = label > 0
    real, made, again = torch.rand(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    scores = score_pair(real, label, made, again)
    mask = inside.float().expand(2, -1, -1)
    assert scores["mae"] == pytest.approx((real - made).abs().mean().item())
    assert scores["synthetic_inside"] == pytest.approx(((made * mask).sum() / mask.sum()).item())
    assert scores["real_outside"] == pytest.approx(((real * (1 - mask)).sum() / (1 - mask).sum()).item())
    difference = (made - again).abs()
    assert scores["seed_difference_inside"] == pytest.approx(((difference * mask).sum() / mask.sum()).item())


def test_structural_similarity_is_that_of_scikit_image():
    skimage = pytest.importorskip("skimage.metrics")
    real, made = torch.rand(2, 1, 32, 24, generator=torch.Generator().manual_seed(0))
    full = skimage.structural_similarity(
        real[0].numpy(), made[0].numpy(), data_range=1.0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True,
    )[1]  # fmt: skip
    scores = score_pair(real, torch.ones(1, 32, 24), made, made)
    assert scores["ssim"] == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-4)


def test_images_thinner_than_the_window_of_structural_similarity_can_be_scored():
    volume = torch.rand(1, 20, 20, 3, generator=torch.Generator().manual_seed(0))
    scores = score_pair(volume, torch.ones(1, 20, 20, 3), volume, volume)
    assert scores["ssim"] == pytest.approx(1.0)
    assert math.isnan(scores["real_outside"])


def test_a_generator_that_was_trained_on_the_training_split_is_known(data, tmp_path, caplog):
    training = load_datalist(data)["training"]
    notes = {"training": {"settings": {"data": digest_datalist(training)}}}
    save_generator(tmp_path / "generator", build(), metadata=notes)
    assert check_origin(tmp_path / "generator", training)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_it_is_told_where_a_generator_was_trained_on_other_images(data, tmp_path, generator, caplog):
    splits = load_datalist(data)
    notes = {"training": {"settings": {"data": digest_datalist(splits["test"])}}}
    save_generator(tmp_path / "generator", build(), metadata=notes)
    assert not check_origin(tmp_path / "generator", splits["training"])
    assert "was trained on other images" in caplog.text
    assert not check_origin(generator, splits["training"])
    assert "does not say what it was trained on" in caplog.text
