"""The command line where `monai-genaug` is not on the path."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["monai_genaug", "monai_genaug.cli"])
def test_the_modules_can_be_run(module):
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"python -m {module}" in done.stdout
    assert "train" in done.stdout
    assert done.stderr == ""


def test_wrong_input_is_told_as_by_the_script():
    done = subprocess.run(
        [sys.executable, "-m", "monai_genaug", "bundles", "x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no bundle 'x' is shipped" in done.stderr
