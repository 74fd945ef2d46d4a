from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import monai_genaug


def test_every_public_name_is_there_and_no_other():
    for name in monai_genaug.__all__:
        assert getattr(monai_genaug, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = monai_genaug.Nothing


def test_subpackages_are_there_without_importing_them_by_name():
    assert monai_genaug.masks.LabelDeformation is not None


def test_the_version_is_that_of_the_distribution():
    assert monai_genaug.__version__ == version("monai_genaug")


def test_importing_the_package_alone_imports_neither_monai_nor_torch():
    code = "import sys, monai_genaug; print('monai' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
