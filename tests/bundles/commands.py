"""Runs `python -m monai.bundle` in processes that have its packages imported already, which saves seconds each time."""

from __future__ import annotations

import os
import runpy
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.processes import clean_processes


def start_bundle(arguments: list[str], folder: Path, log: Path) -> BaseProcess:
    """Start ``python -m monai.bundle ARGUMENTS`` in a folder; what it prints goes to a file."""
    process = clean_processes().Process(target=_run, args=(arguments, str(folder), str(log)))
    process.start()
    return process


def run_bundle(arguments: list[str], folder: Path, log: Path) -> None:
    """Run ``python -m monai.bundle ARGUMENTS`` to its end; fail where it does."""
    process = start_bundle(arguments, folder, log)
    process.join(240)
    if process.exitcode is None:
        process.kill()
    said = log.read_text() if log.exists() else "nothing"
    assert process.exitcode == 0, f"python -m monai.bundle {' '.join(arguments)}\n{said[-8000:]}"


def _run(arguments: list[str], folder: str, log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(folder)
    sys.argv = ["monai.bundle", *arguments]
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
