"""Every piece of code of the guide, in its order, in one folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from monai_genaug import load_generator
from monai_genaug.benchmark.grid.cells import list_cells
from monai_genaug.benchmark.grid.plan import GridPlan
from monai_genaug.benchmark.plan import choose_setting

DOCS = Path(__file__).parents[1] / "docs"


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```$", (DOCS / "guide.md").read_text(), flags=re.DOTALL | re.MULTILINE):
        exec(block, scope)
    assert scope["new"].shape == (1, 200, 160)
    assert len(scope["new"].unique()) > 3
    assert len(scope["gate"].gates) == 2
    assert (scope["store"].drawn, len(scope["third"]), len(scope["mixed"])) == (9, 9, 15)
    assert scope["shares"] == [0.0] * 4
    assert load_generator("on_backgrounds").backgrounds.known.float().mean() > 0.3
    assert load_generator("my_editor").name == "EditingGenerator(Pix2PixGenerator)"


def test_the_plan_of_the_guide_is_right():
    [block] = re.findall(
        r"^```yaml\n(kind: augmentation.*?)^```$", (DOCS / "guide.md").read_text(), re.DOTALL | re.MULTILINE
    )
    cells = list_cells(GridPlan.of(choose_setting(yaml.safe_load(block), "short")))
    assert len(cells) == 5 * (4 + 3)


def test_the_plan_without_labels_of_the_guide_is_right():
    [block] = re.findall(r"^```yaml\n(datasets:.*?)^```$", (DOCS / "guide.md").read_text(), re.DOTALL | re.MULTILINE)
    plan = GridPlan.of({"segmenters": {"unet": {}}, **yaml.safe_load(block)})
    assert [cell.arm for cell in list_cells(plan)] == 5 * ["source", "synthetic_only"]


@pytest.mark.parametrize("page", ["guide.md", "metrics.md", "results.md"])
def test_the_links_lead_somewhere(page):
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", (DOCS / page).read_text()):
        assert (DOCS / target).exists(), target
