"""The direction of imports: downward only, and not between packages of one level."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "monai_genaug"
LEVELS = [
    {"_checks", "_files", "_intensities", "_rebuildable", "_rng", "_tensors"},
    {"networks", "diffusion", "losses", "masks", "metrics", "data", "pictures", "tables", "machine"},
    {"generators", "quality", "phantoms", "pages"},
    {"synthesis"},
    {"store"},
    {"transforms", "training"},
    {"benchmark", "preview", "evaluation"},
    {"cli"},
    {"__main__"},
]
LEVEL_OF = {unit: level for level, units in enumerate(LEVELS) for unit in units}


def imported_units(source: str) -> set[str]:
    """Name the units of the package that a source imports, wherever in the file it does so."""
    units = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        units |= {name.split(".")[1] for name in names if name.startswith("monai_genaug.")}
    return units - {"__version__"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downward_only(path: Path):
    unit = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if unit == "__init__":
        return
    level = LEVEL_OF[unit]
    wrong = {other for other in imported_units(path.read_text()) if other != unit and LEVEL_OF[other] >= level}
    assert not wrong, f"{unit} (level {level}) imports {wrong}"


def test_the_check_sees_an_upward_import():
    source = "def f():\n    from monai_genaug.synthesis import synthesize\n"
    assert imported_units(source) == {"synthesis"}
    assert LEVEL_OF["synthesis"] > LEVEL_OF["generators"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_holds_one_concept_of_at_most_300_lines(path: Path):
    assert len(path.read_text().splitlines()) <= 300


def test_transforms_and_generators_need_nothing_but_monai_torch_and_numpy():
    heavy = "scipy", "SimpleITK", "nibabel", "tifffile", "pandas", "matplotlib", "skimage", "PIL", "jinja2", "typer"
    code = (
        "import sys, monai; before = set(sys.modules)\n"
        "import monai_genaug.transforms, monai_genaug.generators, monai_genaug.masks\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & set(heavy)
