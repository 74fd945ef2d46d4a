# Everything is set up in .venv on first use; nothing has to be installed by hand before.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= demo

.PHONY: demo test lint build check-wheel clean

demo: .venv/.installed
	$(BIN)/monai-genaug demo --out $(OUT)

test: .venv/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

build: .venv/.installed
	$(BIN)/python -m build

check-wheel: .venv/.installed
	$(BIN)/python -m build --wheel --outdir build/wheel
	PYTHON=$(PYTHON) tests/check_wheel.sh build/wheel/*.whl

clean:
	rm -rf .venv build dist

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "Python 3.10 or newer is needed: make PYTHON=python3.12"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
