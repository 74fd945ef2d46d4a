"""Running a bundle's training from Python, with overrides that are checked: what `monai.bundle run` runs, no more."""

from __future__ import annotations

import os
from collections import UserList
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monai.bundle import ConfigParser, ConfigWorkflow

from monai_genaug._checks import check_device
from monai_genaug.generators.folders import NETWORK_FILE, SHIPPED, TRAIN_FILE, find_bundle
from monai_genaug.training.draws import SeededLoader
from monai_genaug.training.handlers import ProgressHandler
from monai_genaug.training.logs import log_to_file, muted
from monai_genaug.training.progress import Progress
from monai_genaug.training.settings import check_setting
from monai_genaug.training.threads import joined_pools
from monai_genaug.training.unpaired import JoinedLoader

FIRST_STAGE = "first#trainer"  # of bundles that train in two
SHARED = "shared"  # folder of files that several bundles read
FOLDERS = {"dataset_dir", "output_dir"}
NOT_NOTED = {  # what may change while a training goes on, or is described anyway
    *FOLDERS,
    *("datalist", "images", "masks", "unlabelled", "masks_dir", "unlabelled_dir", "device", "resume", "num_workers"),
    *("log_interval", "sample_interval", "val_interval", "tensorboard"),
    *("generator", "image_channels", "condition_channels", "spatial_dims", "encoding", "shown"),
    *("blocks", "base_features"),  # of nuclei_cyclegan's networks
}
DESCRIBED = (
    "network_def",
    "to_image",
    "to_mask",
    "generator#",
    "features",
    "train#dataloader#num_workers",
)  # in the checkpoint's identity


def train_bundle(
    name_or_dir: str | os.PathLike[str], overrides: Mapping[str, Any], *, progress: Progress | None = None
) -> ConfigParser:
    """Train what a bundle defines, as ``python -m monai.bundle run`` with the same overrides would, in this process.

    Called again after it was stopped, it goes on from its last epoch and ends, on the same machine, with the same
    weights as a run that was not stopped. torch's global generators are put back afterwards. The log goes to
    ``train.log`` in `output_dir`.

    Args:
        name_or_dir: the name of a shipped bundle, or a folder with ``configs/network.yaml`` and ``configs/train.yaml``.
            Unlike `load_generator`, this runs what the configs say: train with bundles that you trust.
        overrides: values for entries of the configs by their id, such as ``dataset_dir``, ``output_dir``, ``epochs``,
            ``network_def#base_features``.
        progress: called after each iteration as ``progress(done, total, losses)``; of each stage, where there are two.

    Returns:
        The configs with all that was built of them: ``parser.get_parsed_content("network_def")``.

    Raises:
        FileNotFoundError: if there is no such bundle or data set.
        ValueError: for an unknown override, or where data and configuration do not fit.

    Example:
        >>> train_bundle("nuclei_pix2pix", {"epoch": 3})
        Traceback (most recent call last):
            ...
        ValueError: 'epoch' is no setting of nuclei_pix2pix, did you mean 'epochs'...
    """
    root = find_bundle(name_or_dir)
    with muted("monai.bundle.workflows"):
        workflow = ConfigWorkflow(
            config_file=[str(file) for file in config_files(root)], logging_file=False, bundle_root=str(root)
        )
    parser = workflow.parser
    _override(parser, overrides, root.name)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=range(torch.cuda.device_count())))
        stack.enter_context(_plain_errors())
        stack.enter_context(joined_pools())
        stack.enter_context(log_to_file(Path(parser.get_parsed_content("output_dir")) / "train.log"))
        try:
            workflow.initialize()
            trainer: Engine = parser.get_parsed_content("train#trainer")
            stages = [parser.get_parsed_content(FIRST_STAGE)] if FIRST_STAGE in parser else []
        except RuntimeError as error:
            raise _as_value_error(error) from error
        if progress is not None:
            for stage in (*stages, trainer):
                ProgressHandler(progress).attach(stage)
        if isinstance(trainer.data_loader, SeededLoader | JoinedLoader):
            stack.callback(trainer.data_loader.close)
        workflow.run()
        workflow.finalize()
    return parser


def read_configs(name_or_dir: str | os.PathLike[str]) -> ConfigParser:
    """Read what defines a bundle's training, without building anything of it.

    Args:
        name_or_dir: as of `train_bundle`.

    Raises:
        FileNotFoundError: if there is no such bundle.

    Example:
        >>> read_configs("nuclei_unet")["genaug_way"]
        'sample'
    """
    parser = ConfigParser()
    parser.read_config([str(file) for file in config_files(name_or_dir)])
    return parser


def config_files(name_or_dir: str | os.PathLike[str]) -> list[Path]:
    """List what ``python -m monai.bundle run --config_file`` takes to train a bundle, in this order.

    Files that several bundles share are named in ``shared`` of its train.yaml. They lie in the folder ``shared`` beside
    the bundle; where there is none, those of this package are taken.

    Args:
        name_or_dir: as of `train_bundle`.

    Raises:
        FileNotFoundError: if there is no such bundle, or no such shared file.

    Example:
        >>> [file.name for file in config_files("nuclei_pix2pix")]
        ['network.yaml', 'training.yaml', 'pairs.yaml', 'adversarial.yaml', 'unlabelled.yaml', 'train.yaml']
    """
    root = find_bundle(name_or_dir)
    last = root / TRAIN_FILE
    names = ConfigParser.load_config_file(str(last)).get("shared", [])
    return [root / NETWORK_FILE, *(_find_shared(root, name) for name in names), last]


def _find_shared(root: Path, name: str) -> Path:
    folders = [root.parent / SHARED, *(shipped / SHARED for shipped in SHIPPED)]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{root / TRAIN_FILE} names the shared file {name!r}, which is not in {folders[0]}.")


def takes_pairs(name_or_dir: str | os.PathLike[str]) -> bool:
    """Say whether a bundle is trained on images with their labels; others take images and masks that need not belong
    together.

    Example:
        >>> takes_pairs("nuclei_pix2pix"), takes_pairs("nuclei_cyclegan")
        (True, False)
    """
    return "datalist" in read_configs(name_or_dir)


def takes_unlabelled(name_or_dir: str | os.PathLike[str]) -> bool:
    """Say whether a bundle's training learns from images without labels too.

    Example:
        >>> [takes_unlabelled(name) for name in ("nuclei_pix2pix", "nuclei_cyclegan", "nuclei_rflow")]
        [True, True, False]
    """
    return not takes_pairs(name_or_dir) or "unlabelled" in read_configs(name_or_dir)


def trains_generator(name_or_dir: str | os.PathLike[str]) -> bool:
    """Say whether a bundle's training gives a generator.

    Example:
        >>> trains_generator("nuclei_pix2pix"), trains_generator("nuclei_unet")
        (True, False)
    """
    return "generator#_target_" in read_configs(name_or_dir)


def training_seconds(parser: ConfigParser) -> float:
    """Give how long the training of `train_bundle` took in all its pieces, interruptions left out.

    Args:
        parser: that `train_bundle` has just given.
    """
    trainer: Engine = parser.get_parsed_content("train#trainer")
    return float(trainer.state.seconds)


def _override(parser: ConfigParser, overrides: Mapping[str, Any], bundle: str) -> None:
    """Change entries of the configs; those that `settings` does not hold are noted there, since they count as well."""
    noted = {}
    for name, value in overrides.items():
        check_setting(name, value, parser, bundle)
        if name in FOLDERS:
            parser[name] = str(Path(value).expanduser())
        else:
            parser[name] = check_device(value) if name == "device" else _as_data(value)
        if name not in parser.get("settings", {}) and name not in NOT_NOTED and not name.startswith(DESCRIBED):
            noted[name] = str(value)
    if noted and "settings" in parser:
        parser["settings"] = {**parser["settings"], "overrides": noted}
    if overrides.keys() >= FOLDERS:
        data, out = (Path(overrides[name]).expanduser().resolve() for name in sorted(FOLDERS))
        if out.is_relative_to(data):
            raise ValueError(f"output_dir {out} lies in the data set {data}: choose a folder outside of it.")


def _as_data(value: Any) -> Any:
    """Keep MONAI's parser from reading lists of items, in whose paths it would take ``#`` for its own."""
    if isinstance(value, Mapping) and "_target_" not in value:
        return {key: _as_data(part) for key, part in value.items()}
    if isinstance(value, list) and all(isinstance(part, Mapping) and "_target_" not in part for part in value):
        return UserList(value)
    return value


def _as_value_error(error: RuntimeError) -> BaseException:
    """Say in one line what could not be built of the settings."""
    cause = _root_cause(error)
    if isinstance(cause, ValueError | OSError | FloatingPointError):
        return cause
    what = str(error).strip().splitlines()[0].strip(": ")
    return ValueError(f"the settings do not fit together: {cause} ({what}). Check what was set, lists and @ included.")


def _root_cause(error: BaseException) -> BaseException:
    """Give what MONAI's RuntimeErrors were raised from."""
    while type(error) is RuntimeError and error.__cause__ is not None:
        error = error.__cause__
    return error


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise what was raised in a component or transform, which MONAI wraps in a RuntimeError that says less."""
    try:
        yield
    except RuntimeError as error:
        cause = _root_cause(error)
        if type(cause) is RuntimeError:
            raise
        raise cause from None
