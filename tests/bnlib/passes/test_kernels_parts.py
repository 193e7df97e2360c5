"""The compiler of the loops, what NumPy need not compute, and life without numba."""

import subprocess
import sys

import numpy as np
import pytest
from kernel_ways import WAYS, walking
from reference import assert_close

from bnlib import kernels
from bnlib.passes.compiled import compiler, forward, slabs


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(5, 3, 7), (1, 2, 9), (3, 1, 8), (130, 2, 1), (600, 2, 1)])
def test_moments_of_parts_are_those_of_the_whole(way, shape, monkeypatch):
    monkeypatch.delattr(forward, "passes_for")  # NumPy need not help
    x = np.random.default_rng(0).normal(5, 1, shape)
    with walking(way):
        mu, var = forward.moments(x, 1)
    assert_close(mu, x.mean(axis=(0, 2)), tol=1e-14)
    assert_close(var, x.var(axis=(0, 2)), tol=1e-13)


def test_loops_compile_where_no_cache_can_be_written(monkeypatch):
    given = []

    def njit(**options):
        given.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function")
        return lambda loop: loop

    monkeypatch.setattr(compiler.numba, "njit", njit)
    assert compiler.compiled.__wrapped__(slabs.apply) is slabs.apply
    assert [options.pop("cache", None) for options in given] == [True, None]
    assert given[0] == given[1] == {"parallel": True, "fastmath": compiler.FASTMATH}
    assert not compiler.FASTMATH & {"nnan", "ninf", "fast", "afn"}


def test_without_numba_the_functions_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not kernels.available()
    message = (
        r"bnlib\.kernels\.batch_norm_train: needs numba, which is not installed; "
        r"run `pip install numba`, or use bnlib\.functional"
    )
    with pytest.raises(ImportError, match=message):
        from bnlib.kernels import batch_norm_train  # noqa: F401
    with pytest.raises(AttributeError, match=r"'bnlib\.kernels' has no attribute 'fast'"):
        kernels.fast  # noqa: B018


def test_numba_is_imported_by_the_first_function_alone():
    program = (
        "import sys, bnlib.kernels as k; assert k.available(); "
        "assert 'numba' not in sys.modules; k.batch_norm_train; assert 'numba' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
