"""Downloads and archives that are either complete or not there."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import stat
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from monai_genaug.data.writers import replacing

CHUNK = 1 << 18  # bytes


def download(url: str, path: Path, *, sha256: str | None = None, timeout: float = 60.0, progress: bool = True) -> Path:
    """Download a file; nothing is at `path` before its size, and its digest if known, are right.

    MONAI's `download_url` would serve but for two things: it says nothing when the folder is not writable, and it may
    move the file from another disk, so that one killed meanwhile leaves half of it.

    Args:
        url: http or https address.
        path: where the file goes; if it exists, nothing is done.
        sha256: hexadecimal digest that the file must have.
        timeout: seconds without an answer after which to give up.
        progress: whether to show a progress bar.

    Returns:
        The path.

    Raises:
        OSError: if the server does not answer, or the transfer ends early: call again, it starts afresh.
        ValueError: if the digest differs.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (Path(folder) / "there.txt").touch()
        ...     download("https://example.org/there.txt", Path(folder) / "there.txt").name
        'there.txt'
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    if path.exists():
        return path
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    digest, received = hashlib.sha256(), 0
    with (
        _open(url, timeout) as response,
        Progress(*columns, console=Console(stderr=True), disable=not progress, transient=True) as bar,
        replacing(path) as hidden,
    ):
        header = response.headers.get("Content-Length")
        expected = None if header is None else int(header)
        task = bar.add_task(path.name, total=expected)
        with hidden.open("wb") as file:
            while chunk := _read(response):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                bar.update(task, completed=received)
        if expected is None and sha256 is None:
            raise OSError(
                f"{url} has no size and no digest, so that a cut transfer would not show: download it by hand."
            )
        if expected is not None and received != expected:
            raise OSError(f"{url} ended after {received} of {expected} bytes: call again, the download starts afresh.")
        if sha256 is not None and digest.hexdigest() != sha256:
            raise ValueError(
                f"{url} has the SHA-256 digest {digest.hexdigest()}, expected {sha256}: the file was damaged or "
                "changed; call again, and if the digest stays, compare it with the publisher's."
            )
    return path


def _open(url: str, timeout: float) -> http.client.HTTPResponse:
    """Open an address; an error names it."""
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=timeout)
    except urllib.error.URLError as error:
        reason = error if isinstance(error, urllib.error.HTTPError) else error.reason
        raise OSError(f"{url} cannot be reached ({reason}): check the network or the proxy, and call again.") from error
    return answer


def _read(response: http.client.HTTPResponse) -> bytes:
    """Next bytes of an answer, also where Python reports an early end as an error."""
    try:
        return response.read(CHUNK)
    except http.client.IncompleteRead as error:
        return error.partial


def extract(archive: Path, folder: Path) -> Path:
    """Extract a zip archive; `folder` is not there before all its files are.

    A single top folder of the name of `folder` is taken out of its wrapping; macOS's own entries are left out.

    Args:
        archive: the zip file; checksums of its members are checked.
        folder: where the content goes; if it exists, nothing is done.

    Returns:
        The folder.

    Raises:
        ValueError: for a damaged archive, and for one with members that are links or lie outside the folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     archive = Path(folder, "masks.zip")
        ...     with zipfile.ZipFile(archive, "w") as content:
        ...         content.writestr("masks/a.png", b"")
        ...     [file.name for file in extract(archive, Path(folder, "masks")).iterdir()]
        ['a.png']
    """
    if folder.exists():
        return folder
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _unpack(archive, partial)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{archive} is damaged ({error}): delete it and download it again.") from error
    wrapped = [entry.name for entry in partial.iterdir()] == [folder.name]
    os.replace(partial / folder.name if wrapped else partial, folder)
    shutil.rmtree(partial, ignore_errors=True)
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    """Write the wanted members of an archive into a new folder, once all their targets are known to be safe."""
    with zipfile.ZipFile(archive) as content:
        members = [member for member in content.infolist() if _is_wanted(member)]
        targets = [_safe_target(archive, member, folder) for member in members]
        folder.mkdir(parents=True)
        for member, target in zip(members, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            with content.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)  # reading to the end checks the member's checksum


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    """Whether a member is a file of the data."""
    path = Path(member.filename)
    return not member.is_dir() and "__MACOSX" not in path.parts and path.name != ".DS_Store"


def _safe_target(archive: Path, member: zipfile.ZipInfo, folder: Path) -> Path:
    """Where a member goes; MONAI's check of its path knows links in tar archives only."""
    from monai.apps.utils import safe_extract_member

    if stat.S_ISLNK(member.external_attr >> 16):
        raise ValueError(f"{archive} holds the link {member.filename}, expected files only: do not use this archive.")
    try:
        return Path(safe_extract_member(member, str(folder)))
    except ValueError as error:
        raise ValueError(f"{archive} is not safe to extract ({error}): do not use this archive.") from error
