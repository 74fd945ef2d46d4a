from __future__ import annotations

import io

from rich.console import Console
from rich.progress import Progress as Bars

from monai_genaug.training.progress import Course, progress_bars


def course(total: int = 20, **kwargs) -> tuple[Course, Bars, io.StringIO]:
    """A course of which all but the last iteration is told, its bars and what they print."""
    printed = io.StringIO()
    bars = Bars(console=Console(file=printed, width=100, **kwargs), auto_refresh=False)
    told = Course("Pix2Pix", bars)
    for done in range(1, total):
        told(done, total, {"loss": 1.0 / done, "d_loss": 0.25, "g_l1": 3.0})
    return told, bars, printed


def test_every_loss_of_every_iteration_is_kept():
    told, _, _ = course(4)
    assert told.losses == {"loss": [1.0, 1 / 2, 1 / 3], "d_loss": [0.25] * 3, "g_l1": [3.0] * 3}
    assert told.iterations == 3
    assert told.seconds > 0


def test_the_bar_shows_name_iterations_and_the_two_losses_that_people_read():
    _, bars, _ = course()
    [task] = bars.tasks
    assert (task.description, task.completed, task.total) == ("Pix2Pix", 19, 20)
    assert task.fields["losses"] == "loss 0.0526  d_loss 0.25"


def test_there_is_no_bar_before_the_first_iteration():
    with progress_bars(show=False) as bars:
        Course("U-Net", bars)
        assert bars.tasks == []


def test_a_log_gets_a_line_for_every_tenth():
    _, _, printed = course(total=20)
    lines = printed.getvalue().splitlines()
    assert len(lines) == 9
    assert lines[0] == "Pix2Pix 2/20 loss 0.5  d_loss 0.25"
    assert lines[-1].startswith("Pix2Pix 18/20 ")


def test_a_terminal_gets_no_lines():
    _, _, printed = course(force_terminal=True)
    assert printed.getvalue() == ""


def test_nothing_is_printed_when_it_is_not_to_be_shown(capfd):
    with progress_bars(show=False) as bars:
        told = Course("U-Net", bars)
        for done in (1, 2):
            told(done, 2, {"loss": 0.5})
    assert told.losses == {"loss": [0.5, 0.5]}
    assert capfd.readouterr() == ("", "")


def test_bars_go_to_standard_error(capfd):
    with progress_bars() as bars:
        Course("U-Net", bars)(1, 1, {"loss": 0.5})
    out, err = capfd.readouterr()
    assert out == ""
    assert "U-Net" in err
