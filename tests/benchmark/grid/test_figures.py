"""Charts and pictures of a grid."""

from __future__ import annotations

import base64
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from monai_genaug.benchmark.charts import SIDE, TALL
from monai_genaug.benchmark.grid import figures
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.figures import (
    case_pictures,
    label_charts,
    sample_pictures,
    scatter_charts,
)
from monai_genaug.benchmark.grid.gains import arrange_runs, measure_gains
from monai_genaug.benchmark.grid.verdicts import best_gain
from monai_genaug.pages import Figure
from monai_genaug.phantoms import write_nuclei_dataset
from tests.benchmark.grid.conftest import PIX2PIX, UNET
from tests.benchmark.grid.made import make_grid, planted
from tests.benchmark.grid.test_gains import runs
from tests.benchmark.grid.test_recipes import open_kitchen
from tests.benchmark.grid.test_store import result

LEVEL = np.full((5, 4), 0.5)  # seeds, images
RECIPE = "classic+genaug, pix2pix, 0.3"


def values(chart, name: str) -> list[tuple[float, float | None, float | None]]:
    """Read means and intervals off a chart by its ticks."""
    texts = [float(tick.text) for tick in chart.y_ticks]
    low, high = min(texts), max(texts)

    def read(at: float | None) -> float | None:
        return None if at is None else high - (high - low) * at / TALL

    [marks] = [series.marks for series in chart.series if series.name == name]
    return [(read(mark.y), read(mark.low), read(mark.high)) for mark in marks]


def test_charts_hold_means_and_intervals():
    added = LEVEL + 0.1 + np.linspace(-0.02, 0.02, 5)[:, None]
    gains = measure_gains([*runs("classic", LEVEL), *runs("classic", LEVEL + 0.2, 8), *runs("classic+genaug", added)])
    [(title, [dice, gain])] = label_charts(gains, {"a": 4})
    assert title == "a, unet: 4 test images"
    assert [tick.text for tick in dice.x_ticks] == ["2", "8"]
    assert [value[0] for value in values(dice, "classic")] == pytest.approx([0.5, 0.7], abs=2e-3)
    assert [series.name for series in dice.series if series.points] == ["classic"]
    [found] = [gain for gain in gains if gain.over_baseline]
    interval = found.over_baseline["dice"].interval
    assert values(gain, RECIPE)[0] == pytest.approx(interval[:3], abs=2e-3)
    assert values(dice, RECIPE)[0] == pytest.approx([0.5 + end for end in interval[:3]], abs=2e-3)
    assert "classic" not in [series.name for series in gain.series]
    assert gain.series[0].marks[0].text.endswith("with 2 labelled images; 5 seeds, 4 test images")


def test_below_five_seeds_there_are_points_without_intervals():
    gains = measure_gains([*runs("classic", LEVEL[:2]), *runs("classic+genaug", LEVEL[:2] + 0.1)])
    [(_, charts)] = label_charts(gains, {"a": 4})
    assert [values(chart, RECIPE)[0][1:] for chart in charts] == [(None, None)] * 2


def test_without_the_baseline_there_is_no_chart_of_gains():
    [(_, charts)] = label_charts(measure_gains(runs("classic+genaug", LEVEL)), {"a": 4})
    assert [chart.title for chart in charts] == ["Mean Dice"]


def test_a_scatter_pairs_means_over_common_seeds():
    base = np.array([[0.0, 0.5], [0.5, 0.5], [1.0, 1.0]])
    other = np.array([[1.0, 0.5], [0.5, 0.0]])
    [setup] = arrange_runs([*runs("classic", base), *runs("classic+genaug", other)]).values()
    [chart] = scatter_charts(setup, ("classic", None, 0.0))
    assert chart.title == f"{RECIPE} (2 test images, 2 seeds)"
    assert [tick.text for tick in chart.ticks] == ["0.2", "0.4", "0.6", "0.8"]
    places = [SIDE * (value - 0.2) / 0.6 for value in (0.25, 0.5, 0.75, 0.25)]
    assert [mark.x for mark in chart.marks] == pytest.approx(places[:2], abs=0.1)
    assert [SIDE - mark.y for mark in chart.marks] == pytest.approx(places[2:], abs=0.1)
    assert chart.marks[0].text == f"image0: 0.250 with classic, 0.750 with {RECIPE}"


def test_recipes_without_a_common_seed_have_no_scatter():
    [setup] = arrange_runs(runs("classic+genaug", LEVEL)).values()
    assert scatter_charts(setup, ("classic", None, 0.0)) == []


def decode(figure: Figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(figure.uri.split(",")[1]))))


@pytest.fixture
def trained(root, tmp_path):
    """Kitchens of seeds 0 and 1, of which only seed 1 is trained, and results with made-up scores."""
    cells = {"labelled": [2], "arms": ["classic", "classic+genaug"], "generators": ["pix2pix"], "seeds": [0, 1]}

    def scores(cell: Cell) -> np.ndarray:
        return np.array([0.5, 0.5, 0.5] if cell.arm == "classic" else [0.4, 0.5, 0.7])

    made = make_grid(root, tmp_path / "out", scores, cells)
    for run in made.results:
        if run.cell.seed == 1:
            made.kitchens(run.cell).segmenter(run.cell)
    names = [item["name"] for item in made.kitchens(made.results[0].cell).block.dataset.test]
    return made._replace(results=[run._replace(names=names) for run in made.results])


def cases(made):
    [setup] = arrange_runs(made.results).values()
    return case_pictures(best_gain(made.gains), setup, made.kitchens)


def test_cases_are_the_largest_gains_and_losses_of_the_first_seed_that_is_there(trained):
    found = cases(trained)
    assert [title for title, _ in found.rows] == ["test_002: +0.200 Dice", "test_000: -0.100 Dice"]
    assert found.note == f"Of seed 1 alone: classic and {RECIPE}. Of 3 test images 1 gain, 1 lose."
    captions = [figure.caption for figure in found.rows[0][1]]
    assert captions == ["test image", "truth", "classic: Dice 0.500", f"{RECIPE}: Dice 0.700"]
    kitchen = trained.kitchens(trained.results[0].cell)
    shown = decode(found.rows[0][1][0])[..., 0] / 255
    assert np.allclose(shown, kitchen.block.dataset.test[2]["image"][0], atol=0.003)


def test_without_trainings_the_words_stay_and_the_pictures_go(trained):
    shutil.rmtree(trained.folder / "trainings")
    assert cases(trained).rows == []
    assert f"the trained segmenters of classic and {RECIPE} are not in the output folder" in cases(trained).note
    [samples] = sample_pictures(trained.results, trained.kitchens)
    assert samples == ("phantoms, pix2pix", [], "Left out: the trained generator is not in the output folder.")


def test_images_in_another_order_are_not_mistaken(trained):
    other = [run._replace(names=list(reversed(run.names))) for run in trained.results]
    assert cases(trained._replace(results=other)).rows == []


def test_damaged_weights_are_told_in_the_place_of_the_pictures(trained):
    for file in trained.folder.rglob("model.pt"):
        file.write_bytes(b"damaged")
    assert cases(trained).rows == []
    assert "model.pt cannot be read" in cases(trained).note
    [samples] = sample_pictures(trained.results, trained.kitchens)
    assert samples.rows == []


def test_samples_are_of_labelled_training_images(trained):
    [samples] = sample_pictures(trained.results, trained.kitchens)
    assert samples.note == "Trained with 2 labelled images, seed 1; 2 of these images are shown."
    captions = [figure.caption for figure in samples.rows[0][1]]
    assert captions == ["mask", "real", "synthetic", "new mask", "synthetic, new mask"]
    block = trained.kitchens(trained.results[-1].cell).block
    for (_, row), item in zip(samples.rows, block.items, strict=True):
        assert np.allclose(decode(row[1])[..., 0] / 255, item["image"][0], atol=0.003)


def test_samples_are_shown_once_for_each_generator_and_data_set_with_the_fewest_labels(root, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(figures, "find_generator", lambda kitchen, cell: asked.append(cell))
    cells = {"labelled": [3, 2], "arms": ["genaug", "classic+genaug"], "generators": ["pix2pix", "edits"]}
    made = make_grid(root, tmp_path, planted, cells, seeds=[1, 0])
    titles = [samples.title for samples in sample_pictures(made.results, made.kitchens)]
    assert titles == ["phantoms, pix2pix", "phantoms, edits"]
    assert [(cell.generator, cell.labelled, cell.seed) for cell in asked[::8]] == [("pix2pix", 2, 0), ("edits", 2, 0)]


def test_generators_that_edit_show_the_real_background(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    cell = Cell("phantoms", 2, 0, "unet", "classic+genaug", "edits", 0.3)
    kitchen.segmenter(cell)
    run = result(cell, [0.5, 0.5], labelled=["x", "y"])
    [samples] = sample_pictures([run], lambda _: kitchen)
    _, real, synthetic, *_ = (decode(figure)[..., 0].astype(int) for figure in samples.rows[0][1])
    far = np.ones_like(real, dtype=bool)
    for y, x in np.argwhere(kitchen.block.items[0]["label"][0].numpy() > 0):
        far[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5] = False
    assert far.any()
    assert (real[far] == synthetic[far]).all()
    assert (real != synthetic).any()


def test_of_volumes_slices_are_shown(tmp_path):
    counts = {"training": 2, "validation": 0, "test": 2}
    write_nuclei_dataset(tmp_path / "data", counts=counts, spatial_size=(32, 32, 16))
    pix2pix = {**PIX2PIX, "spatial_dims": 3, "crop_size": 8}
    made = make_grid(
        tmp_path,
        tmp_path / "out",
        lambda cell: np.array([0.5, 0.5]) + (cell.arm != "classic") * np.array([0.1, -0.1]),
        {"labelled": [2], "arms": ["classic", "classic+genaug"], "generators": ["pix2pix"]},
        segmenters={"unet": {**UNET, "spatial_dims": 3, "crop_size": 8}},
        generators={"pix2pix": {"bundle": "nuclei_pix2pix", "masks": "deformation", "settings": pix2pix}},
    )
    for run in made.results:
        made.kitchens(run.cell).segmenter(run.cell)
    names = [item["name"] for item in made.kitchens(made.results[0].cell).block.dataset.test]
    made = made._replace(results=[run._replace(names=names) for run in made.results])
    [samples] = sample_pictures(made.results, made.kitchens)
    rows = [*cases(made).rows, *samples.rows]
    assert [len(row) for _, row in rows] == [4, 4, 5, 5]
    assert {decode(figure).shape for _, row in rows for figure in row} == {(32, 32, 3)}
