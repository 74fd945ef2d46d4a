"""Stores whose making is killed, or shared by several processes: they end as those that one process made in peace."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
import torch
from torch import distributed

from monai_genaug import cli
from monai_genaug.data import read_array
from monai_genaug.masks import LabelDeformation
from monai_genaug.store import StoreSummary, write_store
from tests.helpers import save_untrained
from tests.processes import clean_processes, run_together
from tests.store.made import contents, items, refusing, store, write_masks

KILLS = (1, 2, 3, 5, 6, 7, 9, 10, 14, 15, 16)  # at which renaming: of each kind of file, and the last one


def make(folder: Path, name: str, count: int = 6, **more) -> StoreSummary:
    """Make a store of what lies in a folder; deterministic, with a sampler, and with a gate that refuses some."""
    gate = refusing(lambda images, labels: [int((label > 0).sum()) % 3 > 0 for label in labels])
    settings = {"generator": folder / "generator", "masks": folder / "masks", "sampler": LabelDeformation()}
    return store(folder / name, **settings, accept=gate, count=count, **more)


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder with masks, a generator, and the store that one process makes of them in peace."""
    folder = tmp_path_factory.mktemp("desk")
    write_masks(folder / "masks")
    save_untrained(folder / "generator")
    make(folder, "whole")
    return folder


def _die_at(call: int) -> None:
    """Let the process kill itself when a file is about to be renamed for the so-manieth time."""
    rename, calls = os.replace, [0]

    def replace(*paths) -> None:
        calls[0] += 1
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*paths)

    os.replace = replace


def _die_in_turn(folder: Path, kills: tuple[int, ...]) -> None:
    """For each moment let a process make a store that is killed then; runs in a clean process."""
    torch.set_num_threads(1)
    for call in kills:
        child = os.fork()
        if child == 0:
            _die_at(call)
            make(folder, f"killed_{call}")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        (folder / f"killed_{call}" / ".status").write_text(str(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0))


@pytest.fixture(scope="module")
def killed(desk) -> Path:
    process = clean_processes().Process(target=_die_in_turn, args=(desk, KILLS))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    return desk


@pytest.mark.parametrize("call", KILLS)
def test_a_store_that_was_killed_ends_as_one_that_was_not(killed, call):
    folder = killed / f"killed_{call}"
    status = folder / ".status"
    assert int(status.read_text()) == signal.SIGKILL
    status.unlink()
    for item in items(folder) if (folder / "dataset.json").exists() else []:
        assert read_array(item["image"])[0].shape == read_array(item["label"])[0].shape
    done = make(killed, folder.name)
    assert done.digest == json.loads((killed / "whole/manifest.json").read_text())["digest"]
    assert contents(folder) == contents(killed / "whole")  # hidden files too: none is left over


def test_the_last_moment_was_that_of_the_list(killed):
    files = contents(killed / "whole")
    assert max(KILLS) == len(files) + 1  # the manifest is written twice
    assert "dataset.json" in files


def _make_slowly(folder: Path) -> None:
    torch.set_num_threads(1)
    make(folder, "slow", progress=lambda *_: time.sleep(0.2))


def test_kill_9_from_outside_at_any_moment_and_again(desk):
    for files in (2, 6):
        process = clean_processes().Process(target=_make_slowly, args=(desk,))
        process.start()
        deadline = time.monotonic() + 60
        while len(list((desk / "slow").rglob("*.png"))) < files and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert not (desk / "slow/dataset.json").exists()
    make(desk, "slow")
    assert contents(desk / "slow") == contents(desk / "whole")


def _make_together(rank: int, folder: Path) -> StoreSummary:
    torch.set_num_threads(1 + rank)  # what each process would take
    return make(folder, f"together_{distributed.get_world_size()}")


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_a_store_and_it_is_the_same(desk, count):
    answers = run_together(_make_together, desk, count)
    (desk / "address").unlink(missing_ok=True)
    assert {answer.digest for answer in answers} == {make(desk, "whole").digest}
    assert contents(desk / f"together_{count}") == contents(desk / "whole")


def _command(rank: int, port: int, folder: Path, arguments: list[str]) -> None:
    """Run a command as torchrun starts it."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1")
    os.environ["MASTER_PORT"] = str(port)
    os.chdir(folder)
    for stream, name in ((1, f"out_{rank}"), (2, f"err_{rank}")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), stream)
    cli.app(arguments)


def test_the_command_shares_a_store_under_torchrun_and_it_is_the_same(desk):
    settings = ["--masks", "masks", "--count", "5", "--seed", "3", "--batch", "2", "--bits", "16", "--device", "cpu"]
    arguments = ["synthesize", "generator", *settings, "--out", "by_command"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    processes = [clean_processes().Process(target=_command, args=(rank, port, desk, arguments)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0], (desk / "err_0").read_text()
    alone = write_store(
        *(desk / "alone", desk / "generator"), masks=desk / "masks", count=5, seed=3, batch_size=2, bits=16
    )
    assert (desk / "out_0").read_text() == f"5 pairs of 5 drawn: by_command\ndigest: {alone.digest}\n"
    assert "synthesize, first of 2 parts 3/3" in (desk / "err_0").read_text()
    assert (desk / "out_1").read_text() == ""
    theirs, ours = contents(desk / "by_command"), contents(desk / "alone")
    assert {**theirs, "manifest.json": b""} == {**ours, "manifest.json": b""}  # which tells how masks were named


def _one_dies(rank: int, folder: Path) -> str:
    settings = {"progress": lambda *_: os._exit(9)} if rank == 1 else {}
    try:
        make(folder, "left", **settings)
    except ConnectionError as error:
        return str(error)
    return "nothing was said"


def test_a_process_learns_that_another_one_has_ended(desk):
    context = clean_processes()
    processes = [context.Process(target=_ask, args=(rank, desk)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    (desk / "meeting").unlink(missing_ok=True)
    assert [process.exitcode for process in processes] == [0, 9]
    assert "process 0 of 2 (counted from 0) has lost the others, one of which has ended" in (desk / "said").read_text()
    assert not (desk / "left/dataset.json").exists()
    make(desk, "left")
    assert contents(desk / "left") == contents(desk / "whole")


def _ask(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    (folder / "said").write_text(_one_dies(rank, folder))


def _refused(rank: int, folder: Path) -> str:
    try:
        make(folder, "whole", seed=1)
    except ValueError as error:
        return str(error)
    return "nothing was said"


def test_where_the_first_process_cannot_begin_the_others_stop_too(desk):
    (desk / "address").unlink(missing_ok=True)
    first, second = run_together(_refused, desk)
    assert "store of other settings (seed was 0, is 1)" in first
    assert "process 1 of 2 (counted from 0) stops, as the first one could not begin" in second
