"""Where generators and bundles lie: folders of the user's, and those that are shipped with this package."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

NETWORK_FILE, METADATA_FILE, WEIGHTS_FILE = "configs/network.yaml", "configs/metadata.json", "models/model.pt"
TRAIN_FILE = "configs/train.yaml"
_PACKAGE = Path(__file__).parents[1]
_CHECKOUT = _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").is_file() else _PACKAGE
SHIPPED = (_PACKAGE / "bundles", _CHECKOUT / "bundles")  # in a wheel, in a checkout


def find_generator(name_or_dir: str | os.PathLike[str]) -> Path:
    """Find a generator's folder by its path or by the name of a shipped bundle; see `load_generator`."""
    folder = _find_folder(name_or_dir)
    if not folder.is_dir():
        names = [bundle.name for bundle in list_bundles() if is_generator(bundle.folder)]
        raise FileNotFoundError(
            f"no generator {os.fspath(name_or_dir)!r}: expected the folder that training wrote (with {NETWORK_FILE} "
            f"and {WEIGHTS_FILE}) or one that is shipped, {', '.join(names)}; check the path, or train one."
        )
    if not is_generator(folder):
        missing = [name for name in (NETWORK_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
        held = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise FileNotFoundError(
            f"{folder} is no generator folder: {' and '.join(missing)} missing (it holds {held}); "
            "pass the output_dir of a finished training run."
        )
    folder = folder.resolve()
    for name in (NETWORK_FILE, WEIGHTS_FILE):
        target = (folder / name).resolve()
        if not target.is_relative_to(folder):
            raise ValueError(
                f"{folder / name} is a link to {target}, outside the generator's folder: copy the file into it."
            )
    return folder


def find_bundle(name_or_dir: str | os.PathLike[str]) -> Path:
    """Find a bundle that can be trained, by the path of its folder or by the name of a shipped one.

    Raises:
        FileNotFoundError: if there is none.

    Example:
        >>> find_bundle("nuclei_pix2pix").name
        'nuclei_pix2pix'
    """
    folder = _find_folder(name_or_dir)
    if not (folder / TRAIN_FILE).is_file():
        names = [bundle.name for bundle in list_bundles() if (bundle.folder / TRAIN_FILE).is_file()]
        raise FileNotFoundError(
            f"no bundle {os.fspath(name_or_dir)!r}: expected one of {', '.join(names)}, or a folder with {TRAIN_FILE}."
        )
    return folder.resolve()


def _find_folder(name_or_dir: str | os.PathLike[str]) -> Path:
    text = os.fspath(name_or_dir)
    folder = Path(text).expanduser()
    if not folder.is_dir() and re.fullmatch(r"\w+", text):
        folder = next((root / text for root in SHIPPED if (root / text).is_dir()), folder)
    return folder


class BundleInfo(NamedTuple):
    """What is known of a shipped bundle.

    Args:
        name: by which it is found.
        task: what it does, in a few words.
        use: whether it can be trained, and whether it has weights of a generator.
        folder: where it lies.
    """

    name: str
    task: str
    use: str
    folder: Path


def list_bundles() -> list[BundleInfo]:
    """List the bundles that are shipped with this package.

    Example:
        >>> [bundle.use for bundle in list_bundles() if bundle.name == "nuclei_unet"]
        ['can be trained']
    """
    folders = {path.parents[1].name: path.parents[1] for root in SHIPPED for path in root.glob(f"*/{NETWORK_FILE}")}
    found = []
    for name, folder in sorted(folders.items()):
        uses = {"can be trained": TRAIN_FILE, "has trained weights": WEIGHTS_FILE}
        use = ", ".join(words for words, file in uses.items() if (folder / file).is_file())
        task = json.loads((folder / METADATA_FILE).read_text()).get("task", "task unknown")
        found.append(BundleInfo(name, task, use, folder))
    return found


def is_generator(folder: Path) -> bool:
    """Tell whether a folder has the files of a generator."""
    return all((folder / name).is_file() for name in (NETWORK_FILE, WEIGHTS_FILE))


def digest_generator(folder: Path) -> str:
    """Hash the files that determine a generator's images; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in (NETWORK_FILE, WEIGHTS_FILE):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()
