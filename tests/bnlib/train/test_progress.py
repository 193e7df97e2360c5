"""The progress bar: on stderr when wanted, never in a stored output."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bnlib.data import Split
from bnlib.models import mlp
from bnlib.train import fit, sweep

X, Y = np.eye(4), np.arange(4)

SCRIPT = """
import numpy as np
from bnlib.data import Split
from bnlib.models import mlp
from bnlib.train import fit, sweep
x, y = np.eye(4), np.arange(4)
data = Split(x, y, x, y)
run = lambda lr, seed: fit(mlp([4, 4]), data, lr, steps=3, batch_size=2{options})
sweep(run, [0.1, 0.2], [0]{options})
"""


@pytest.mark.parametrize(
    ("disable", "options", "shown"),
    [(None, "", True), ("1", "", False), (None, ", progress=False", False)],
)
def test_the_bar_is_written_to_stderr_only_when_enabled(disable, options, shown):
    """The variable is read when tqdm is imported, hence the new process."""
    environment = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"}
    if disable:
        environment["TQDM_DISABLE"] = disable
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(options=options)]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout == b""
    assert (b"/3" in done.stderr, b"/2" in done.stderr) == (shown, shown)
    assert done.stderr.endswith(b"\r") is shown  # wiped out at the end
    assert bool(done.stderr) is shown


def test_nothing_is_written_in_this_process(capfd):
    assert sweep(lambda lr, seed: lr, [1.0], [0]) == [[1.0]]
    assert capfd.readouterr() == ("", "")


def test_without_tqdm_there_is_no_bar(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert sweep(lambda lr, seed: lr + seed, [1.0], [2, 3]) == [[3.0, 4.0]]
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def bars(monkeypatch):
    """Put a list of the bars' options where tqdm would be."""
    made = []

    def bar(items, **options):
        made.append(options)
        return items

    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace(tqdm=bar))
    return made


def training(**options):
    return fit(mlp([4, 4]), Split(X, Y, X, Y), 0.1, steps=3, batch_size=2, **options)


def sweeping(**options):
    return sweep(lambda lr, seed: lr, [0.1, 0.2, 0.3], [0], **options)


@pytest.mark.parametrize("run", [training, sweeping])
def test_a_bar_knows_its_length_and_vanishes(run, bars):
    run()
    run(progress=True)
    assert bars == 2 * [{"total": 3, "leave": False}]


@pytest.mark.parametrize("run", [training, sweeping])
def test_no_bar_is_made_unless_it_is_wanted(run, bars):
    run(progress=False)
    assert bars == []
