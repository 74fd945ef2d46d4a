"""`download` and `extract`: complete or not there."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from pathlib import Path

import pytest

from monai_genaug.data.download import download, extract

CONTENT = bytes(range(256)) * 4000


def names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_file_arrives_whole(web, tmp_path: Path) -> None:
    web.files["/a.zip"] = CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    path = download(f"{web.address}/a.zip", tmp_path / "new" / "a.zip", sha256=digest, progress=False)
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["new", "new/a.zip"]


def test_progress_bar_does_not_change_the_file(web, tmp_path: Path) -> None:
    web.files["/a.zip"] = CONTENT
    assert download(f"{web.address}/a.zip", tmp_path / "a.zip", progress=True).read_bytes() == CONTENT


def test_existing_file_is_not_asked_for_again(web, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"here")
    assert download(f"{web.address}/a.zip", tmp_path / "a.zip", progress=False).read_bytes() == b"here"
    assert web.asked == []


@pytest.mark.parametrize("sent", [0, 1, len(CONTENT) - 1])
def test_cut_transfer_leaves_nothing(web, tmp_path: Path, sent: int) -> None:
    web.files["/a.zip"], web.sent["/a.zip"] = CONTENT, sent
    with pytest.raises(OSError, match=rf"ended after {sent} of {len(CONTENT)} bytes"):
        download(f"{web.address}/a.zip", tmp_path / "a.zip", progress=False)
    assert names(tmp_path) == []


def test_second_call_after_a_cut_transfer_succeeds(web, tmp_path: Path) -> None:
    web.files["/a.zip"], web.sent["/a.zip"] = CONTENT, 1000
    with pytest.raises(OSError, match="ended after 1000"):
        download(f"{web.address}/a.zip", tmp_path / "a.zip", progress=False)
    web.sent.clear()
    assert download(f"{web.address}/a.zip", tmp_path / "a.zip", progress=False).read_bytes() == CONTENT


def test_wrong_digest_leaves_nothing(web, tmp_path: Path) -> None:
    web.files["/a.zip"] = CONTENT
    with pytest.raises(ValueError, match=f"expected {'0' * 64}"):
        download(f"{web.address}/a.zip", tmp_path / "a.zip", sha256="0" * 64, progress=False)
    assert names(tmp_path) == []


def test_answer_without_size_or_digest_is_refused(web, tmp_path: Path) -> None:
    web.files["/a.zip"] = CONTENT
    web.without_size.add("/a.zip")
    with pytest.raises(OSError, match="no size and no digest"):
        download(f"{web.address}/a.zip", tmp_path / "a.zip", progress=False)
    assert names(tmp_path) == []


def test_missing_page_is_an_error(web, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.zip cannot be reached .*404"):
        download(f"{web.address}/none.zip", tmp_path / "a.zip", progress=False)
    assert names(tmp_path) == []


def test_archive_is_extracted_without_entries_of_macos(tmp_path: Path) -> None:
    files = {"s1/images/a.png": b"1", "s1/.DS_Store": b"x", "__MACOSX/s1/._a.png": b"x"}
    extract(make_zip(tmp_path / "a.zip", files), tmp_path / "set")
    assert (tmp_path / "set" / "s1" / "images" / "a.png").read_bytes() == b"1"
    assert names(tmp_path) == ["a.zip", "set", "set/s1", "set/s1/images", "set/s1/images/a.png"]


def test_single_top_folder_of_the_same_name_is_taken_off(tmp_path: Path) -> None:
    extract(make_zip(tmp_path / "masks.zip", {"masks/a.png": b"1", "__MACOSX/x": b""}), tmp_path / "masks")
    assert names(tmp_path) == ["masks", "masks.zip", "masks/a.png"]


def test_rests_of_a_killed_extraction_are_replaced(tmp_path: Path) -> None:
    (tmp_path / ".set.part").mkdir()
    (tmp_path / ".set.part" / "old.png").touch()
    extract(make_zip(tmp_path / "a.zip", {"new.png": b"1"}), tmp_path / "set")
    assert names(tmp_path) == ["a.zip", "set", "set/new.png"]


def test_damaged_member_leaves_no_folder(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a.png": b"good", "b.png": CONTENT})
    content = bytearray(archive.read_bytes())
    content[content.index(b"b.png") + 200] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip is damaged.*download it again"):
        extract(archive, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_truncated_archive_leaves_no_folder(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a.png": CONTENT})
    archive.write_bytes(archive.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"a\.zip is damaged"):
        extract(archive, tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/tmp/evil.txt"])
def test_member_outside_the_folder_stops_everything(tmp_path: Path, name: str) -> None:
    archive = make_zip(tmp_path / "a.zip", {"good.png": b"1", name: b"evil"})
    with pytest.raises(ValueError, match="is not safe to extract"):
        extract(archive, tmp_path / "inner" / "set")
    assert names(tmp_path) == ["a.zip"]


def test_link_in_an_archive_stops_everything(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("good.png", b"1")
        archive.writestr(link, "/etc/passwd")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="holds the link link"):
        extract(tmp_path / "a.zip", tmp_path / "set")
    assert names(tmp_path) == ["a.zip"]
