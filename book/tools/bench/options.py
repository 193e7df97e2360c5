"""The command line. Imports nothing large: threads are set before NumPy is loaded."""

import argparse
from pathlib import Path

BOOK = Path(__file__).resolve().parents[2]


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure bnlib beside torch.")
    parser.add_argument("--threads", type=int, default=1, help="of every candidate (1)")
    parser.add_argument(
        "--seconds", type=float, default=9.0, help="for one shape and dtype (9)"
    )
    parser.add_argument(
        "--folder", type=Path, default=BOOK, help="where the results go (the book)"
    )
    parser.add_argument(
        "--redraw", action="store_true", help="measure nothing; write figure and tables anew"
    )
    return parser.parse_args(argv)
