"""The repository as a whole: what must not be left in a file, and the settings of a run."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
import threadpoolctl
from house import ROOT, project_files, report

# The patterns are written so that they do not match themselves.
LEFTOVERS = {
    "a path of one machine": r"(?<![\w.~-])/(?:home|root|tmp|work|Users)/[\w.]",
    "a package registry": r"--(?:extra-)?index[-]url|pypi\.org/[s]imple|[h]ttps?://[\d.]+[:/]",
    "a note to oneself": r"\b(?:TO[D]O|FIX[M]E|X[X]X|TB[D]|W[I]P)\b",
    "another project's bnlib": r"pi[p] install [\"']?bnlib\b(?!\[data\] @ git)",
    "a merge conflict": r"(?m)^(?:<{7}|>{7}) ",
}
PICTURE = re.compile(r'"image/png": "[^"]*"')


def leftovers(text: str) -> Iterator[str]:
    """Yield what should not have been left in a file; stored pictures are not read."""
    text = PICTURE.sub("", text).replace("http://127.0.0.1", "")
    for what, pattern in LEFTOVERS.items():
        if found := re.search(pattern, text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"line {line}: {what}: {found.group()!r}"


def test_no_file_holds_leftovers():
    faults = []
    for name in project_files():
        with suppress(UnicodeDecodeError):  # of a picture or a font
            text = (ROOT / name).read_text(encoding="utf-8")
            faults += [f"{name}, {fault}" for fault in leftovers(text)]
    assert not faults, report("a file", faults)


LEFT = [
    "see /ho" + "me/ann/x", "cd /wo" + "rk/main", "pip install --index" + "-url x",
    "http" + "s://10.0.0.5:8080/simple", "# TO" + "DO: later", "pip in" + 'stall "bnlib[fast]"',
    "a\n<<<<" + "<<< HEAD\n",
]  # fmt: skip
ORDINARY = [
    "http://127.0.0.1:8000", "https://example.org/wo" + "rk/a", "_build/tm" + "p/a",
    '"image/png": "ab/tm' + 'p/xyz"', "This works at home.",
    'pip install "bnlib[data] @ git+https://github.com/owner/name"',
]  # fmt: skip


@pytest.mark.parametrize("text", LEFT + ORDINARY)
def test_leftovers_are_found_and_ordinary_text_is_none(text):
    assert len(list(leftovers(text))) == (text in LEFT)


def test_every_phony_target_has_a_rule():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"(?m)^\.PHONY:(.*)$", text)[1].split()
    rules = set(re.findall(r"(?m)^([a-z-]+):(?!.*:=)", text))
    assert set(phony) == rules, "Makefile: .PHONY and the rules differ"


def test_plain_pytest_has_the_settings_of_make_test():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = dict(re.findall(r"(?m)^export (\w+) := (\w+)$", text))
    assert wanted, "Makefile: found no exported settings"
    assert {name: os.environ.get(name) for name in wanted} == wanted


def test_numpy_runs_on_one_thread():
    """The setting of conftest.py took effect: it was made before NumPy was imported."""
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    pools = [p for p in threadpoolctl.threadpool_info() if "numpy" in p["filepath"]]
    assert [pool["num_threads"] for pool in pools] == [1] * len(pools) != [], pools
