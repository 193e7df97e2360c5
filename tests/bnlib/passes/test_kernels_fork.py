"""The compiled functions in forked processes, in pools, and under several Python threads."""

import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from house import ROOT
from reference import assert_close

from bnlib import functional, kernels
from bnlib.passes.compiled import compiler

METHODS = [m for m in ("fork", "forkserver") if m in multiprocessing.get_all_start_methods()]
LARGE, TINY = (20000, 8), (8, 4)
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # 3.12
forks = pytest.mark.skipif("fork" not in METHODS, reason="this system cannot fork")


def work(i, module=kernels):
    """Return what a batch gives forward and backward; numbers, to be sent home."""
    results = []
    for shape in (LARGE, TINY):
        x, dy = np.random.default_rng(i).normal(3, 2, (2, *shape))
        y, cache = module.batch_norm_train(x, None, None)
        results += [y, *module.batch_norm_backward(dy, cache)]
        results.append(module.batch_norm_eval(x, None, None, cache.mu, cache.var))
    return [r.ravel()[-50:] for r in results]


def hold(got, i):
    """Hold results to NumPy's."""
    for ours, theirs in zip(got, work(i, functional), strict=True):
        assert_close(ours, theirs, tol=1e-10)


def from_a_fork(i):
    """Return what a forked process of this one computes."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply_async(work, (i,)).get(timeout=100)


@pytest.mark.parametrize("method", METHODS)
def test_pools_compute_after_the_loops_were_used_and_so_does_their_parent(method):
    hold(work(0), 0)
    with multiprocessing.get_context(method).Pool(2) as pool:
        for i, got in enumerate(pool.map_async(work, range(3)).get(timeout=100)):
            hold(got, i)
    hold(work(4), 4)


@forks
def test_a_fork_waits_for_the_loops_of_other_threads():
    """Else the child would find their lock closed for ever."""
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(work, i) for i in range(12)]
        for i in range(3):
            hold(from_a_fork(i), i)
        for i, result in enumerate(running):
            hold(result.result(), i)


FIRST_USE = """
import os, signal, sys
import numpy as np, torch
torch.set_num_threads(2)
torch.ones(10**6).exp().sum()  # starts threads of GNU OpenMP
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
signal.alarm(100)
from bnlib import functional, kernels
x = np.random.default_rng(0).normal(size=(20000, 8))
y, want = (m.batch_norm_train(x, None, None)[0] for m in (kernels, functional))
os._exit(not np.allclose(y, want, rtol=0, atol=1e-12))
"""


@forks
def test_the_first_use_may_be_in_a_fork_of_a_process_whose_threads_are_torchs():
    environ = os.environ | {"OMP_NUM_THREADS": "2"}
    argv = [sys.executable, "-c", FIRST_USE]
    done = subprocess.run(argv, env=environ, cwd=ROOT, timeout=150, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_numpy_takes_over_in_a_fork_alone(monkeypatch):
    x = np.random.default_rng(0).normal(size=LARGE)
    monkeypatch.setattr(compiler, "forked", True)
    ours, theirs = (m.batch_norm_train(x, None, None)[0] for m in (kernels, functional))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", [n for n in kernels.__all__ if n != "available"])
def test_a_function_goes_to_another_process_by_its_name(name):
    function = getattr(kernels, name)
    assert pickle.loads(pickle.dumps(function)) is function
