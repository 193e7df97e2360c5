"""Write the exercise sheets without their solutions: `make exercises`.

Readers work in these copies. They are what the site's pages offer for download, too.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from book_exercises import transformed  # noqa: E402


def main(target: Path = ROOT / "_build" / "exercises") -> None:
    """Write one notebook for each sheet; a copy that exists is left as it is."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "chapters" / "exercises").glob("*/exercises.ipynb")):
        copy = target / f"{path.parent.name}.ipynb"
        if copy.exists():
            print(f"{copy.name} is there already, and may hold your answers; left as it is")
            continue
        copy.write_text(transformed(path.read_text(encoding="utf-8"), False), encoding="utf-8")
        print(f"{copy.name} written to {target}")


if __name__ == "__main__":
    main()
