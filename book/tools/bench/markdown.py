"""Tables in Markdown that also read well in a terminal."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    r"""Return the lines of a table whose first ``left`` columns are text.

    Examples
    --------
    >>> print("\n".join(table(["op", "time"], [["forward", "1.5"]])))
    | op      | time |
    | :------ | ---: |
    | forward |  1.5 |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        ":" + "-" * (width - 1) if i < left else "-" * (width - 1) + ":"
        for i, width in enumerate(widths)
    ]
    return [line(head), line(rule), *map(line, rows)]


def number(value: float | None, form: str = "") -> str:
    """Return a number for a table, a dash for none.

    Examples
    --------
    >>> number(0.401), number(17.46), number(1e-5, ".1e"), number(None)
    ('0.40', '17.5', '1.0e-05', '–')
    """
    if value is None:
        return "–"
    return format(value, form or (".2f" if value < 10 else ".1f"))
