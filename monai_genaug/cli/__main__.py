"""The command line as a module: `python -m monai_genaug.cli`."""

from __future__ import annotations

from monai_genaug.cli import app

if __name__ == "__main__":
    app(prog_name="python -m monai_genaug.cli")
