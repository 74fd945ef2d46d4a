"""The command line: `monai-genaug demo | train | synthesize | preview | evaluate | benchmark` and more."""

from monai_genaug.cli.datasets import fetch, masks
from monai_genaug.cli.experiments import benchmark, demo, evaluate
from monai_genaug.cli.samples import preview, synthesize
from monai_genaug.cli.shared import app
from monai_genaug.cli.trainings import bundles, train

for command in (demo, fetch, train, preview, masks, synthesize, evaluate, benchmark, bundles):  # as help lists them
    app.command()(command)

__all__ = ["app"]
