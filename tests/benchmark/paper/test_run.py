"""The comparison of Pix2Pix and CycleGAN, whole, on phantoms and tiny networks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from monai_genaug.benchmark.kinds import run_benchmark
from monai_genaug.benchmark.paper import run as paper
from monai_genaug.benchmark.paper.plan import MODELS, SHARED
from monai_genaug.benchmark.paper.run import run_paper
from monai_genaug.benchmark.paper.scores import make_image
from monai_genaug.benchmark.paper.setup import prepare
from monai_genaug.data import load_datalist, load_items, read_array
from monai_genaug.generators import load_generator
from monai_genaug.phantoms import write_nuclei_dataset
from monai_genaug.training.progress import Course, progress_bars
from tests.helpers import write_pairs

PLAIN = {"ema_momentum": None, "lambda_mode_seeking": 0.0, "instance_noise": 0.0, "label_smoothing": 0.0}
SMALL = {**PLAIN, "discriminator_features": 4, "discriminator_layers": 1}
PLAN: dict[str, Any] = {
    "kind": "paper_nucleus",
    "training_images": 3,
    "epochs": 3,
    "crop_size": 16,
    "intervals": 3,
    "pictures": 2,
    "picture_iterations": [3, 9],
    "pix2pix": {**SMALL, "network_def#base_features": 4, "network_def#levels": 2, "network_def#norm": "instance"},
    "cyclegan": {
        **SMALL,
        "base_features": 4,
        "blocks": 1,
        "mask_sampler": None,
        "lambda_mask": 0.0,
        "cycle_noise": 0.0,
    },
    "published": {"pix2pix": {"dice": 0.4629}, "cyclegan": {"dice": 0.4562}},
    "settings": {"short": {}},
}
FILES = ("table.csv", "losses.csv", "table.md", "results.json", "pictures.png")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return write_nuclei_dataset(folder, counts={"training": 5, "test": 3}, spatial_size=(48, 40)).parent


def compare(out: Path, data: Path, **change: Any) -> dict[str, Any]:
    """Run the comparison and give its results.json."""
    with progress_bars(show=False) as bars:
        result = run_paper({**PLAN, **change}, bars, data_dir=data, output_dir=out, device="cpu")
    assert result.folder == out
    return json.loads((out / "results.json").read_text())


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A finished comparison, not to be changed."""
    out = tmp_path_factory.mktemp("finished")
    return out, compare(out, data)


def trained_settings(out: Path) -> list[dict[str, Any]]:
    """What the checkpoints of both models were trained with."""
    files = [out / f"trainings/{name}_seed0/configs/metadata.json" for name in MODELS]
    return [json.loads(file.read_text())["training"]["settings"] for file in files]


def without_times(results: dict[str, Any]) -> dict[str, Any]:
    models = results["models"].items()
    return {name: {key: part for key, part in model.items() if "seconds" not in key} for name, model in models}


def test_all_files_are_written(finished):
    out, results = finished
    assert {path.name for path in out.iterdir()} == {*FILES, "comparison.json", "trainings"}
    assert (results["kind"], results["setting"]) == ("paper_nucleus", "short")
    assert results["data"] | {"name": ""} == {"name": "", "training_images": 3, "test_images": 3}
    assert results["machine"]["device"] == "cpu"
    assert results["published"] == PLAN["published"]


def test_both_models_have_one_budget_and_the_same_images(finished):
    out, results = finished
    first, second = trained_settings(out)
    assert {key: first[key] for key in SHARED} == {key: second[key] for key in SHARED}
    assert (first["images"], second["images"], second["masks"]) == (3, 3, 3)
    for name in MODELS:
        assert results["models"][name]["iterations"] == 9
        assert len(pd.read_csv(out / f"trainings/{name}_seed0/losses.csv")) == 9


def test_no_test_image_is_trained_on(data, finished):
    record = json.loads((finished[0] / "comparison.json").read_text())
    assert record["training"]["0"] == trained_settings(finished[0])[0]["data"]
    assert record["test"] != record["training"]["0"]


def test_each_test_image_is_scored_for_each_model(data, finished):
    out, results = finished
    table = pd.read_csv(out / "table.csv")
    assert table.groupby("model").size().to_dict() == {"pix2pix": 3, "cyclegan": 3}
    assert set(table["image"]) == {Path(item["image"]).stem for item in load_datalist(data)["test"]}
    means = table.groupby("model")["dice"].mean()
    for name in MODELS:
        assert results["models"][name]["scores"]["dice"]["mean"] == pytest.approx(means[name], rel=1e-5)
        assert results["models"][name]["seconds_per_iteration"] > 0
        assert results["models"][name]["seconds_per_epoch"] > results["models"][name]["seconds_per_iteration"]


def test_losses_are_averaged_over_equal_intervals(finished):
    losses = pd.read_csv(finished[0] / "losses.csv")
    parts = losses[(losses["model"] == "cyclegan") & (losses["loss"] == "d_loss")]
    assert parts[["first_iteration", "last_iteration"]].to_numpy().tolist() == [[1, 3], [4, 6], [7, 9]]
    single = pd.read_csv(finished[0] / "trainings/cyclegan_seed0/losses.csv")["d_loss"]
    assert parts["mean"].to_numpy() == pytest.approx(single.to_numpy().reshape(3, 3).mean(axis=1), rel=1e-5)
    assert parts["std"].to_numpy() == pytest.approx(single.to_numpy().reshape(3, 3).std(axis=1, ddof=1), rel=1e-5)


def test_the_papers_figures_stand_beside_ours_as_of_other_data(finished):
    text = (finished[0] / "table.md").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("| Dice, real nuclei")]
    assert line.endswith("| 0.4629 | 0.4562 |")
    assert "Pix2Pix, paper*" in text
    assert "* The paper's own figures, of other data and another machine" in text
    assert "above an image's own Otsu threshold" in text


def test_the_figure_shows_mask_original_and_each_iteration(finished):
    pixels = np.asarray(Image.open(finished[0] / "pictures.png")).astype(int)
    assert (pixels.max(axis=2) - pixels.min(axis=2)).max() > 100  # coloured masks
    assert pixels.shape[0] > 4 * 140  # two masks for two models


def test_running_again_trains_nothing_and_gives_the_same(data, finished, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "out")
    weights = {path: path.stat().st_mtime_ns for path in out.rglob("model.pt")}
    assert compare(out, data) == finished[1]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("model.pt")} == weights


@pytest.mark.parametrize(("model", "iteration"), [("Pix2Pix", 5), ("CycleGAN", 7)])
def test_a_stopped_comparison_ends_as_an_unbroken_one(data, finished, tmp_path, monkeypatch, model, iteration):
    class Stopping(Course):
        def __call__(self, done: int, total: int, losses: dict[str, float]) -> None:
            if self.name.startswith(model) and done == iteration:
                raise KeyboardInterrupt
            super().__call__(done, total, losses)

    monkeypatch.setattr(paper, "Course", Stopping)
    with pytest.raises(KeyboardInterrupt):
        compare(tmp_path / "out", data)
    monkeypatch.undo()
    again = compare(tmp_path / "out", data)
    assert without_times(again) == without_times(finished[1])
    for name in ("table.csv", "losses.csv", "pictures.png"):
        assert (tmp_path / "out" / name).read_bytes() == (finished[0] / name).read_bytes()


def test_several_seeds_have_images_and_deviations_of_their_own(data, tmp_path):
    results = compare(tmp_path / "out", data, seeds=[0, 1], epochs=1, intervals=1, picture_iterations=[])
    record = json.loads((tmp_path / "out/comparison.json").read_text())
    assert len(set(record["training"].values())) == 2
    table = pd.read_csv(tmp_path / "out/table.csv")
    by_seed = table[table["model"] == "pix2pix"].groupby("seed")["mae"].mean()
    found = results["models"]["pix2pix"]["scores"]["mae"]
    assert found["std_seeds"] == pytest.approx(by_seed.std(), rel=1e-4)
    assert found["n"] == 6
    assert "over seeds" in (tmp_path / "out/table.md").read_text()


def test_cells_of_a_matlab_file_are_compared_too(data, tmp_path):
    entries = [entry for part in load_datalist(data).values() for entry in part]
    cells = {"images": np.empty(len(entries), dtype=object), "masks": np.empty(len(entries), dtype=object)}
    for number, entry in enumerate(entries):
        cells["images"][number], cells["masks"][number] = (read_array(entry[key])[0][0] for key in ("image", "label"))
    savemat(tmp_path / "nuclei.mat", cells)
    change = {"epochs": 1, "intervals": 1, "picture_iterations": []}
    results = compare(tmp_path / "out", tmp_path / "nuclei.mat", **change)
    assert results["data"]["name"] == "nuclei.mat"
    assert results["models"]["cyclegan"]["scores"]["dice"]["n"] == results["data"]["test_images"] > 0


def test_colour_images_are_compared_too(tmp_path):
    data = write_pairs(tmp_path / "data", 5, channels=3)
    cyclegan = {**PLAN["cyclegan"], "lambda_identity": "$0.5 if @image_channels == @condition_channels else 0.0"}
    results = compare(tmp_path / "out", data, cyclegan=cyclegan, epochs=1, intervals=1, picture_iterations=[])
    assert not any("identity" in part["loss"] for part in results["models"]["cyclegan"]["losses"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 4}, "holds another comparison, which differs in epochs: choose another folder with --out"),
        (
            {"training_images": 2, "picture_iterations": [3, 6]},
            "which differs in picture_iterations, training, training_images",
        ),
    ],
    ids=["epochs", "images"],
)
def test_another_comparison_is_refused_in_a_finished_folder(data, finished, change, message):
    with pytest.raises(ValueError, match=message):
        compare(finished[0], data, **change)


def test_what_changes_no_training_may_change(data, finished, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "out")
    results = compare(out, data, intervals=1, nuclei="dark", published={})
    assert {part["last"] for part in results["models"]["pix2pix"]["losses"]} == {9}
    assert "paper" not in (out / "table.md").read_text()
    assert "below an image's own Otsu threshold" in (out / "table.md").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epocs": 6}, "unknown entry 'epocs', did you mean 'epochs'"),
        ({"settings": {"full": {}}}, "setting is 'short', expected one of 'full'"),
        ({"intervals": 100}, "intervals is 100, expected at most 9"),
    ],
    ids=["unknown key", "unknown setting", "intervals"],
)
def test_a_wrong_plan_is_refused_before_anything_is_written(data, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        compare(tmp_path / "out", data, **change)
    assert not (tmp_path / "out").exists()


def test_of_fewer_images_than_are_asked_for_all_are_taken_and_their_real_number_is_told(data, tmp_path):
    setup = prepare({**PLAN, "training_images": 100}, data, tmp_path / "out", "short", "cpu")
    assert [len(entries) for entries in setup.training.values()] == [5]
    assert ": 5 training images, 3 test images" in setup.describe()


def test_data_that_do_not_fit_are_refused(data, tmp_path):
    with pytest.raises(ValueError, match=r"there is no data set, .* pass --data"):
        compare(tmp_path / "out", None)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        compare(tmp_path / "out", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="3 dimensions, expected a 2D image"):
        compare(tmp_path / "out", write_pairs(tmp_path / "volumes", 5, (8, 8, 8)))
    only = write_nuclei_dataset(tmp_path / "only", counts={"training": 3, "validation": 1}, spatial_size=(16, 16))
    with pytest.raises(ValueError, match="has no test images"):
        compare(tmp_path / "out", only)


def test_folders_of_others_are_refused(data, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="is not empty and not of this benchmark"):
        compare(tmp_path, data)
    with pytest.raises(ValueError, match="lies in the data set"):
        compare(data / "out", data)


def test_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "plan.yaml").write_text("kind: paper_lesions")
    with progress_bars(show=False) as bars, pytest.raises(ValueError, match="expected one of 'paper_nucleus'"):
        run_benchmark(tmp_path / "plan.yaml", bars)


def test_a_missing_scikit_image_is_told_before_the_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr("monai_genaug.benchmark.paper.setup.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'monai_genaug\[metrics\]'"):
        compare(tmp_path / "out", data)


def test_the_last_pictures_are_images_of_the_generator_that_is_scored(data, finished):
    folder = finished[0] / "trainings/pix2pix_seed0"
    [first, *_] = load_items(load_datalist(data)["test"])
    kept = torch.load(folder / "pictures/epoch_0003.pt", weights_only=True)[0]
    assert torch.equal(kept, make_image(load_generator(folder), first, 0))
