"""The progress bar: on stderr when wanted, never in a stored output."""

import os
import subprocess
import sys
from unittest.mock import ANY, Mock

import numpy as np
import pytest

from bnlib.data import Split
from bnlib.models import mlp
from bnlib.train import fit, sweep

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


def test_a_bar_counts_all_steps_of_a_run_and_all_runs_of_a_sweep(monkeypatch):
    bar, x, y = Mock(side_effect=lambda items, **_: items), np.eye(4), np.arange(4)
    monkeypatch.setattr("tqdm.tqdm", bar)
    fit(mlp([4, 4]), Split(x, y, x, y), lr=0.1, steps=3, batch_size=2)
    bar.assert_called_once_with(ANY, total=3, leave=False)
    sweep(lambda lr, seed: lr, [0.1, 0.2], [0])
    bar.assert_called_with(ANY, total=2, leave=False)
