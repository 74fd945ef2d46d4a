"""Lists of image and label pairs, from the ways in which data sets lie on disk."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from monai_genaug.data._errors import FormatError
from monai_genaug.data._folders import name_path, read_list, tell_content
from monai_genaug.data.arrays import find_suffix, is_source
from monai_genaug.data.matlab import MatReference, count_cells, list_variables, parse_reference
from monai_genaug.data.splits import SPLITS, Item, check_split_groups, group_of, split_by_group

logger = logging.getLogger(__name__)
LAYOUTS = (
    "a folder with dataset.json; a folder with images/ and labels/; a folder with stage1_train/<id>/images and "
    "stage1_train/<id>/masks; a .json data list; a .mat file with images and masks"
)
IMAGE_VARIABLES = ("images", "image")
LABEL_VARIABLES = ("masks", "mask", "labels", "label")


def load_datalist(
    path: str | os.PathLike[str],
    *,
    image_variable: str | None = None,
    label_variable: str | None = None,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    name: str = "",
) -> dict[str, list[Item]]:
    """List the image and label pairs of a data set by split.

    Understood are a folder with ``dataset.json`` or such a file (this package's own, or a data list of MONAI and the
    Medical Segmentation Decathlon, where items without a label are left out); a folder with ``images/`` and
    ``labels/``, paired by file name; the layout of the 2018 Data Science Bowl, ``stage1_train/<id>/{images,masks}``
    (which does not say which images show the same specimen, so that similar ones may fall into two splits); and a
    ``.mat`` file with two variables (see `read_array`). Sources without a validation and a test split are split by
    `split_by_group`.

    Args:
        path: folder or file.
        image_variable: variable of a ``.mat`` file, by default `images` or `image`.
        label_variable: variable of a ``.mat`` file, by default `masks`, `mask`, `labels` or `label`.
        fractions: shares of training, validation and test where the source has no splits.
        seed: of these splits.
        name: of the setting that `path` comes from, such as ``dataset_dir``, for errors.

    Returns:
        For each of training, validation and test, items ``{"image", "label", "group", ...}`` with absolute paths.

    Raises:
        FileNotFoundError: if the folder, or a file that the list names, does not exist.
        ValueError: for an unknown layout, unmatched files, or splits that share a group.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for file in ("images/a.png", "images/b.png", "labels/a.png", "labels/b.png"):
        ...         Path(folder, file).parent.mkdir(exist_ok=True)
        ...         Path(folder, file).touch()
        ...     splits = load_datalist(folder, fractions=(0.5, 0.5, 0))
        >>> {split: len(items) for split, items in splits.items()}
        {'training': 1, 'validation': 1, 'test': 0}
    """
    root = Path(path).expanduser().resolve()
    if not root.exists():
        raise FileNotFoundError(f"{name_path(root, name)} does not exist, expected a data set: {LAYOUTS}.")
    if root.suffix.lower() == ".mat" and root.is_file():
        items = _list_mat(root, image_variable, label_variable)
    elif image_variable or label_variable:
        raise ValueError(f"{root} is no .mat file, so image_variable and label_variable mean nothing: leave them out.")
    elif root.suffix.lower() == ".json" or (root / "dataset.json").is_file():
        splits = _list_json(root if root.is_file() else root / "dataset.json")
        if splits["validation"] or splits["test"]:
            return splits
        items = splits["training"]
    elif root.is_dir() and (root / "manifest.json").is_file() and (root / "records").is_dir():
        raise ValueError(
            f"{name_path(root, name)} is a store of synthetic pairs that is not finished: run the same monai-genaug "
            "synthesize again."
        )
    elif root.is_dir():
        items = _list_folder(root, name_path(root, name))
    else:
        raise ValueError(f"{name_path(root, name)} is no data set: understood are {LAYOUTS}.")
    splits = split_by_group(items, fractions, seed)
    counts = ", ".join(f"{len(splits[split])} for {split}" for split in SPLITS)
    logger.info("%s has no splits, its %d images are taken as %s.", root, len(items), counts)
    return splits


def _list_json(file: Path) -> dict[str, list[Item]]:
    """Items of a JSON data list by split."""
    content = read_list(file)
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        raise FormatError(f"{file} has no list `training`, expected lists training, validation, test of items.")
    splits = {name: _complete(file, content.get(name, [])) for name in SPLITS}
    if not splits["training"]:
        raise FormatError(f"{file} has no training item with a label: give each item its image and its label.")
    check_split_groups(splits, str(file))
    return splits


def _complete(file: Path, entries: Iterable[Any]) -> list[Item]:
    """Items with a label, their paths made absolute and their groups named."""
    labelled = [entry for entry in entries if isinstance(entry, dict) and "label" in entry]
    items = []
    for entry in labelled:
        paths = {key: resolve_source(file, value) for key, value in entry.items() if _is_path(key, value)}
        if len(paths) < 2:
            raise FormatError(
                f"{file} has an item with the keys {sorted(entry)}, expected label and at least one image."
            )
        items.append({**entry, **paths, "group": group_of(entry)})
    return items


def _is_path(key: str, value: Any) -> bool:
    """Whether an entry of an item names a file."""
    return key in ("image", "label") or (key != "group" and isinstance(value, str) and is_source(value))


def resolve_source(file: Path, value: Any) -> str:
    """Give the absolute source of an entry that is relative to its list.

    Args:
        file: the list.
        value: of the entry.

    Raises:
        FormatError: if it is no text.
        FileNotFoundError: if there is no such source.
    """
    if not isinstance(value, str):
        raise FormatError(f"{file} names {value!r}, expected one path as text: give each modality its own key.")
    source = os.path.normpath(file.parent / value)
    reference = parse_reference(source)
    if not (Path(source) if reference is None else reference.path).exists():
        raise FileNotFoundError(f"{file} names {value}, which does not exist: move the data set as a whole.")
    return source


def _list_folder(root: Path, called: str) -> list[Item]:
    """Items of a folder without a data list."""
    if (root / "images").is_dir() and (root / "labels").is_dir():
        return _list_pairs(root, called)
    samples = root / "stage1_train" if (root / "stage1_train").is_dir() else root
    folders = sorted(folder for folder in samples.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    if folders and all((folder / "images").is_dir() for folder in folders):
        return [_bowl_item(folder) for folder in folders]
    if (root / "images").is_dir():
        if tell_content(root / "images") == "is empty":
            raise ValueError(
                f"{called} has a folder images/ which is empty, expected images: copy the data set as a whole."
            )
        raise ValueError(
            f"{called} has images/ and no labels/, expected a label map for each image, of its name: add labels/, or "
            "train nuclei_cyclegan, which takes masks that belong to other images."
        )
    found = tell_content(root)
    if found == "is empty":
        raise ValueError(f"{called} is empty, expected a data set: {LAYOUTS}.")
    raise ValueError(f"{called} {found}, which is no known layout: understood are {LAYOUTS}.")


def _list_pairs(root: Path, called: str) -> list[Item]:
    """Items of a folder with images/ and labels/; a subfolder of labels/ holds one mask for each object."""
    images, labels = (_by_stem(root / name) for name in ("images", "labels"))
    unmatched = [images.get(stem, labels.get(stem)) for stem in sorted(images.keys() ^ labels.keys())]
    if unmatched:
        names = ", ".join(str(file.relative_to(root)) for file in unmatched[:5] if file)
        raise ValueError(
            f"{called} has {len(unmatched)} files without a partner ({names}), expected equal names in images/ and "
            "labels/: add or remove them."
        )
    if not images:
        raise ValueError(
            f"{called} has no readable file in images/, which {tell_content(root / 'images')}: check that the data set "
            "was copied as a whole."
        )
    return [{"image": str(images[stem]), "label": str(labels[stem]), "group": stem} for stem in sorted(images)]


def _by_stem(folder: Path) -> dict[str, Path]:
    """Readable files, and folders, by name without suffix."""
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        suffix = "" if entry.is_dir() else find_suffix(entry.name)
        if entry.name.startswith(".") or suffix is None:
            continue
        stem = entry.name[: len(entry.name) - len(suffix)]
        if stem in found:
            raise ValueError(f"{folder} has {found[stem].name} and {entry.name}, expected one file a name: remove one.")
        found[stem] = entry
    return found


def _bowl_item(folder: Path) -> Item:
    """Item of one sample in the layout of the 2018 Data Science Bowl."""
    images = sorted(file for file in (folder / "images").iterdir() if find_suffix(file.name))
    if len(images) != 1 or not (folder / "masks").is_dir():
        raise ValueError(
            f"{folder} has {len(images)} images and {'a' if (folder / 'masks').is_dir() else 'no'} folder masks/, "
            "expected one image and its masks: extract the training archive again (the test archive has no masks)."
        )
    return {"image": str(images[0]), "label": str(folder / "masks"), "group": folder.name}


def _list_mat(file: Path, image_variable: str | None, label_variable: str | None) -> list[Item]:
    """Items of a MATLAB file with images and masks."""
    names = list_variables(file)
    image = image_variable or _first(file, names, IMAGE_VARIABLES, "image_variable")
    label = label_variable or _first(file, names, LABEL_VARIABLES, "label_variable")
    counts = count_cells(file, image), count_cells(file, label)
    if counts[0] != counts[1]:
        raise FormatError(
            f"{file} has {_phrase(counts[0])} in {image} and {_phrase(counts[1])} in {label}, expected equal numbers: "
            "save one mask for each image, in the same order."
        )
    cells = [None] if counts[0] is None else range(counts[0])
    return [
        {
            "image": str(MatReference(file, image, cell)),
            "label": str(MatReference(file, label, cell)),
            "group": str(MatReference(Path(file.name), image, cell)),
        }
        for cell in cells
    ]


def _first(file: Path, names: Sequence[str], wanted: Sequence[str], argument: str) -> str:
    """First of the wanted variables that the file has."""
    name = next((name for name in wanted if name in names), None)
    if name is None:
        raise FormatError(
            f"{file} has none of the variables {', '.join(wanted)}, but {', '.join(names) or 'none that can be read'}: "
            f"pass {argument}=..., and export objects of MATLAB classes as numeric arrays or cells first."
        )
    return name


def _phrase(cells: int | None) -> str:
    """Words for a number of cells."""
    return "one image" if cells is None else f"{cells} cells"
