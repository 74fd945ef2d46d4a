"""The demo from phantoms or files to its report."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monai_genaug.benchmark import demo, segmentation
from monai_genaug.benchmark.demo import DemoResult, DemoSettings, run_demo
from monai_genaug.data import load_items, write_array
from monai_genaug.generators import load_generator
from monai_genaug.phantoms import nuclei_phantom, write_nuclei_dataset
from monai_genaug.training.progress import Course, progress_bars
from tests.helpers import TINY

SETTINGS = DemoSettings(
    phantoms=(3, 4),
    phantom_size=32,
    shown=2,
    generator=TINY,
    segmenter={"features": [4, 8], "crop_size": 16, "batch_size": 2, "epochs": 1, "iterations_per_epoch": 3},
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """Run the demo once on phantoms."""
    return run_demo(tmp_path_factory.mktemp("demo") / "out", settings=SETTINGS, progress=False)


class Page(HTMLParser):
    """Collects tags with their attributes, and checks that they are closed in order."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_results_hold_each_test_image_in_each_arm(done):
    table = pd.read_csv(done.results)
    assert list(table.columns) == ["arm", "seed", "index", "name", "group", "dice", "jaccard"]
    assert table.groupby("arm", sort=False)["name"].apply(list).to_dict() == {
        arm: [f"test_{i:03d}" for i in range(4)] for arm in ("real only", "real and synthetic")
    }
    assert table["dice"].between(0, 1).all()


def test_the_scores_returned_are_those_of_the_table(done):
    table = pd.read_csv(done.results)
    means = table.groupby("arm")[["dice", "jaccard"]].mean()
    assert [score.name for score in done.scores] == ["Dice", "Jaccard"]
    for score in done.scores:
        name = score.name.lower()
        assert score.without == pytest.approx(means.loc["real only", name])
        assert score.difference.mean == pytest.approx(means.loc["real and synthetic", name] - score.without)
        assert score.difference.method == "bootstrap over 4 test groups, one seed"


def test_the_page_is_whole_and_needs_nothing_else(done):
    text = done.report.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not page.all("script") + page.all("link")
    assert not re.search(r"https?://|url\(|@import", text)


def test_every_picture_has_words_of_its_own(done):
    page = Page(done.report.read_text(encoding="utf-8"))
    images = page.all("img")
    assert len(images) == 2 * 6 + 3 * 4
    assert all(image["alt"] for image in images)
    charts = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    assert len(charts) == 3
    assert all(re.search(r"from [\d.]+ to", chart["aria-label"]) for chart in charts)


def test_the_page_says_what_was_found_and_how_to_repeat_it(done):
    text = done.report.read_text(encoding="utf-8")
    assert done.verdict in text
    assert f"{done.scores[0].without:.3f}" in text
    assert "This is a demonstration and not evidence." in text
    assert f"monai-genaug demo --out {done.report.parent} --seed 0 --device cpu" in text
    assert "generator.crop_size" in text


def test_the_generator_that_was_trained_can_be_loaded(done):
    assert load_generator(done.report.parent / "generator").image_channels == 1


def test_neither_generator_nor_networks_see_test_images(tmp_path, monkeypatch):
    trained_on, loaded = [], []

    def note(module, name):
        original = getattr(module, name)

        def noting(bundle, overrides, **kwargs):
            assert loaded == ["training"]
            lists = overrides["datalist"]
            assert lists["validation"] == lists["test"] == []
            trained_on.append([Path(entry["image"]).stem for entry in lists["training"]])
            return original(bundle, overrides, **kwargs)

        monkeypatch.setattr(module, name, noting)

    def load(entries):
        loaded.append(Path(entries[0]["image"]).name.split("_")[0])
        return load_items(entries)

    note(demo, "train_bundle")
    note(segmentation, "train_bundle")
    monkeypatch.setattr(demo, "load_items", load)
    run_demo(tmp_path / "out", settings=SETTINGS, progress=False)
    assert loaded == ["training", "test"]
    assert len(trained_on) == 3
    assert all(sorted(names) == ["training_000", "training_001", "training_002"] for names in trained_on)


def test_a_second_run_replaces_the_first_with_equal_scores(tmp_path, done):
    out = tmp_path / "out"
    (out / "data").mkdir(parents=True)
    (out / demo.RECORD).touch()  # as a run that was stopped leaves it
    (out / "data" / "half written").touch()
    (out / "notes.txt").write_text("mine")
    again = run_demo(out, settings=SETTINGS, progress=False)
    assert again.results.read_text() == done.results.read_text()
    assert not (out / "data" / "half written").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(ValueError, match="holds files that are not the demo's"):
        run_demo(tmp_path, settings=SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_file_as_output_folder_is_refused(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(ValueError, match="out is a file, expected a folder"):
        run_demo(tmp_path / "out", settings=SETTINGS)


def test_a_data_set_in_the_output_folder_is_refused(tmp_path):
    write_nuclei_dataset(tmp_path / "out" / "data", counts={"training": 1, "test": 2}, spatial_size=(32, 32))
    with pytest.raises(ValueError, match="lies in the output folder"):
        run_demo(tmp_path / "out", data_dir=tmp_path / "out" / "data", settings=SETTINGS)
    assert (tmp_path / "out" / "data" / "dataset.json").exists()


def test_a_missing_data_set_leaves_an_earlier_demo_as_it_was(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in (demo.RECORD, "report.html"):
        (out / name).touch()
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        run_demo(out, data_dir=tmp_path / "nowhere", settings=SETTINGS)
    assert sorted(path.name for path in out.iterdir()) == [demo.RECORD, "report.html"]


def test_a_single_test_group_is_refused_before_training(tmp_path):
    data = write_nuclei_dataset(tmp_path / "data", counts={"training": 2, "test": 1}, spatial_size=(32, 32))
    with pytest.raises(ValueError, match="has test images of 1 groups, expected at least 2"):
        run_demo(tmp_path / "out", data_dir=data, settings=SETTINGS)


def test_a_folder_of_five_pairs_without_splits_is_enough(tmp_path):
    for number in range(5):
        image, label = nuclei_phantom((32, 32), seed=number)
        write_array(tmp_path / f"data/images/{number}.png", np.round(255 * image).astype(np.uint8))
        write_array(tmp_path / f"data/labels/{number}.png", label)
    result = run_demo(tmp_path / "out", data_dir=tmp_path / "data", settings=SETTINGS, progress=False)
    scores = pd.read_csv(result.results)
    assert scores["name"].nunique() == 2
    record = json.loads((tmp_path / "out/generator/configs/metadata.json").read_text())
    assert record["training"]["settings"]["images"] == 3


def test_a_log_without_a_terminal_is_told_of_progress(capsys):
    with progress_bars() as bars:
        course = Course("Pix2Pix", bars)
        for done in range(1, 21):
            course(done, 20, {"loss": 0.5})
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Pix2Pix 1")]
    assert len(lines) == 5  # 10, 12, 14, 16 and 18 of 20


def test_volumes_are_refused(tmp_path):
    data = write_nuclei_dataset(tmp_path / "data", counts={"training": 1, "test": 2}, spatial_size=(16, 16, 8))
    with pytest.raises(ValueError, match="1 channels and 3 dimensions, expected a 2D image"):
        run_demo(tmp_path / "out", data_dir=data, settings=SETTINGS)


def test_colour_images_run_through_and_names_are_escaped(tmp_path, real_data):
    source = real_data("dsb2018_histology")
    splits = json.loads((source / "dataset.json").read_text())
    folder = tmp_path / "a <b> & c"
    folder.mkdir()
    content = {
        split: [
            {**item, "image": str(source / item["image"]), "label": str(source / item["label"])} for item in items[:4]
        ]
        for split, items in splits.items()
        if isinstance(items, list)
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    done = run_demo(tmp_path / "out", data_dir=folder, settings=SETTINGS, progress=False)
    text = done.report.read_text(encoding="utf-8")
    assert load_generator(tmp_path / "out" / "generator").image_channels == 3
    assert "data set a &lt;b&gt; &amp; c" in text
    assert Page(text).open == []


def test_a_record_tells_seed_and_settings(done):
    record = json.loads(Path(done.report.parent, demo.RECORD).read_text())
    assert record["seed"] == 0
    assert record["settings"]["segmenter"]["iterations_per_epoch"] == 3
