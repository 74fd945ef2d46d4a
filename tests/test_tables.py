"""Tables of results."""

from __future__ import annotations

from rich.console import Console

from monai_genaug.tables import Table

TABLE = Table("Scores [x]", ["", "A"], [["Dice", "0.9 ± 0.1"]], "One [seed].")


def test_markdown_has_title_rows_and_note():
    assert TABLE.to_markdown() == "## Scores [x]\n\n|  | A |\n| --- | --- |\n| Dice | 0.9 ± 0.1 |\n\nOne [seed].\n"


def test_the_terminal_shows_all_texts_as_they_are():
    console = Console(width=60)
    with console.capture() as capture:
        console.print(TABLE.to_rich())
    for text in ("Scores [x]", "0.9 ± 0.1", "One [seed]."):
        assert text in capture.get()
