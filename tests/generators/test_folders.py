from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_genaug import load_generator
from monai_genaug.generators.folders import NETWORK_FILE, WEIGHTS_FILE, find_bundle, find_generator, list_bundles
from tests.helpers import save_untrained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_untrained(tmp_path / "nuclei")


def test_a_bare_name_finds_a_shipped_bundle_unless_a_folder_has_that_name(tmp_path, monkeypatch):
    save_untrained(tmp_path / "shipped" / "nuclei_x")
    monkeypatch.setattr("monai_genaug.generators.folders.SHIPPED", (tmp_path / "none", tmp_path / "shipped"))
    monkeypatch.chdir(tmp_path)
    assert find_generator("nuclei_x") == (tmp_path / "shipped/nuclei_x").resolve()
    save_untrained(tmp_path / "nuclei_x")
    assert find_generator("nuclei_x") == (tmp_path / "nuclei_x").resolve()
    with pytest.raises(FileNotFoundError, match="no generator 'nuclei_y'"):
        find_generator("nuclei_y")


def test_a_missing_an_empty_and_a_foreign_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no generator .*nowhere"):
        load_generator(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no generator folder.*it holds nothing"):
        load_generator(tmp_path)
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(FileNotFoundError, match=r"it holds holiday\.jpg"):
        load_generator(tmp_path)


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """A folder of bundles in the place of the shipped ones."""
    folder = tmp_path / "shipped"
    for name, files in {"mine": ["configs/train.yaml"], "made": ["models/model.pt"]}.items():
        for file in ("configs/network.yaml", *files):
            (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / file).touch()
        (folder / name / "configs/metadata.json").write_text(json.dumps({"task": f"task of {name}"}))
    monkeypatch.setattr("monai_genaug.generators.folders.SHIPPED", (tmp_path / "none", folder))
    monkeypatch.chdir(tmp_path)
    return folder


def test_shipped_bundles_are_listed_with_what_they_are_for(shipped):
    assert [tuple(bundle) for bundle in list_bundles()] == [
        ("made", "task of made", "has trained weights", shipped / "made"),
        ("mine", "task of mine", "can be trained", shipped / "mine"),
    ]


def test_a_bundle_that_can_be_trained_is_found_by_name_and_by_folder(shipped):
    assert find_bundle("mine") == find_bundle(shipped / "mine") == shipped / "mine"
    with pytest.raises(FileNotFoundError, match=r"no bundle 'made': expected one of mine, or a folder with"):
        find_bundle("made")


def test_a_generator_that_is_not_there_is_named_with_those_that_are_shipped(shipped):
    assert find_generator("made") == shipped / "made"
    with pytest.raises(FileNotFoundError, match=r"no generator 'yours': .*or one that is shipped, made; check"):
        find_generator("yours")


def test_a_bundle_that_was_not_trained_yet_is_no_generator(folder):
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(FileNotFoundError, match=r"nuclei is no generator folder: models/model\.pt missing"):
        load_generator(folder)


@pytest.mark.parametrize("name", ["../nuclei", "a/b", "nuclei;ls", ""])
def test_what_is_no_bare_name_is_not_looked_for_among_shipped_bundles(tmp_path, monkeypatch, name):
    save_untrained(tmp_path / "nuclei")
    (tmp_path / "shipped").mkdir()
    monkeypatch.setattr("monai_genaug.generators.folders.SHIPPED", (tmp_path / "shipped",))
    monkeypatch.chdir(tmp_path / "shipped")
    if name == "../nuclei":
        assert find_generator(name) == tmp_path / "nuclei"
        return
    with pytest.raises(FileNotFoundError):
        find_generator(name)


@pytest.mark.parametrize("name", [NETWORK_FILE, WEIGHTS_FILE])
def test_a_link_out_of_the_folder_is_refused(folder, tmp_path, name):
    secret = (folder / name).rename(tmp_path / "secret")
    (folder / name).symlink_to(secret)
    with pytest.raises(ValueError, match=rf"{name} is a link to {secret}, outside the generator's folder: copy"):
        load_generator(folder)


@pytest.mark.parametrize("name", [NETWORK_FILE, WEIGHTS_FILE])
def test_a_linked_folder_inside_that_leads_out_is_refused(folder, tmp_path, name):
    inner = (folder / name).parent.rename(tmp_path / "elsewhere")
    (folder / name).parent.symlink_to(inner)
    with pytest.raises(ValueError, match="outside the generator's folder"):
        load_generator(folder)


def test_links_that_stay_inside_and_a_link_to_the_whole_folder_are_fine(folder, tmp_path):
    (folder / WEIGHTS_FILE).rename(folder / "models/epoch_3.pt")
    (folder / WEIGHTS_FILE).symlink_to("epoch_3.pt")
    (tmp_path / "latest").symlink_to(folder)
    assert find_generator(tmp_path / "latest") == folder.resolve()
    assert load_generator(tmp_path / "latest").name == "Pix2PixGenerator"
