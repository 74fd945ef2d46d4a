"""Tables of results, for files and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.table import Table as RichTable


class Table(NamedTuple):
    """A table of texts.

    Args:
        title: what is compared, in one line.
        columns: their headings.
        rows: one text for each column.
        note: what has to be known of the figures.

    Example:
        >>> print(Table("Scores", ["", "A"], [["Dice", "0.9"]], "One seed.").to_markdown())
        ## Scores
        <BLANKLINE>
        |  | A |
        | --- | --- |
        | Dice | 0.9 |
        <BLANKLINE>
        One seed.
        <BLANKLINE>
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def to_markdown(self) -> str:
        """Write it in Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join(part for part in (f"## {self.title}", table, self.note) if part) + "\n"

    def to_rich(self) -> RichTable:
        """Give it to be printed to a terminal."""
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(title=Text(self.title), caption=Text(self.note), caption_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table
