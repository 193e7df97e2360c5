"""What mutants of `bnlib.train` showed to be untested: the bar, in this process."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bnlib.data import Split
from bnlib.models import mlp
from bnlib.train import fit, sweep

X, Y = np.eye(4), np.arange(4)


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
