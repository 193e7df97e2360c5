"""What `make mutants` does."""

import argparse
import json
from pathlib import Path

from mutants.copying import ASKED, ROOT, TESTS
from mutants.running import run
from mutants.summary import faults, page, read_reasons, why


def main(arguments: list[str] | None = None, stored: Path = ROOT / "tests") -> int:
    """Run modules, store what came of them; return 1 if a survivor has no reason."""
    options = parse(arguments)
    reasons = read_reasons((stored / "mutants.toml").read_text(encoding="utf-8"))
    file = stored / "mutants.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def explained(function: str, change: str) -> bool:
        return not options.again and why(function, change, reasons) is not None

    usual = [it for it in TESTS if it not in ASKED]
    for module in [] if options.report else options.modules or usual:
        results[module] = run(module, explained, options.children)
        text = json.dumps(results, indent=1, sort_keys=True, ensure_ascii=False)
        file.write_text(text + "\n", encoding="utf-8")
    (stored / "mutants.md").write_text(page(results, reasons), encoding="utf-8")
    found = faults(results, reasons)
    print(*found, sep="\n")
    return 1 if found else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options of the command."""
    parser = argparse.ArgumentParser(prog="book/tools/mutants", description=main.__doc__)
    parser.add_argument(
        "modules", nargs="*", help=f"default: all but {', '.join(ASKED)}; {', '.join(TESTS)}"
    )
    parser.add_argument("--children", type=int, default=1, help="mutants tested at a time")
    parser.add_argument("--again", action="store_true", help="retry what has a reason, too")
    parser.add_argument("--report", action="store_true", help="write the page, run nothing")
    options = parser.parse_args(arguments)
    unknown = set(options.modules) - set(TESTS)
    if unknown:
        parser.error(f"expected modules of bnlib, got {', '.join(sorted(unknown))}")
    return options
