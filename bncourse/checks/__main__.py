"""Check a function in a file: `python -m bncourse.checks ex05_q2 my_file.py`."""

import argparse
import runpy
import sys

from bncourse.checks.registry import EXERCISES, find
from bncourse.checks.run import report


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return 0 if the answer is right, 1 if not, 2 for bad use."""
    parser = argparse.ArgumentParser(prog="bncourse.checks", description=__doc__)
    parser.add_argument("exercise", nargs="?", help="as ex05_q2; leave out to list them")
    parser.add_argument("file", nargs="?", help="a Python file that defines the answer")
    options = parser.parse_args(argv)
    if options.exercise is None:
        for name, exercise in EXERCISES.items():
            print(f"{name}  {exercise.function} ({exercise.points:g} points)")
        return 0
    try:
        exercise = find(options.exercise)
    except ValueError as error:
        parser.error(str(error))
    if options.file is None:
        parser.error(f"which file defines {exercise.function}?")
    try:
        names = runpy.run_path(options.file)
    except Exception as error:
        print(f"{options.file} does not run: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if exercise.function not in names:
        print(f"{options.file} does not define {exercise.function}", file=sys.stderr)
        return 1
    judged = report(exercise.name, names[exercise.function])
    print(judged)
    return 0 if judged.passed else 1


if __name__ == "__main__":
    sys.exit(main())
