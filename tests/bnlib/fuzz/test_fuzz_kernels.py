"""The fuzz tests of `bnlib.functional`, with the compiled functions in its place."""

import itertools
from contextlib import contextmanager
from unittest.mock import patch

import pytest
import test_fuzz_functions
from kernel_ways import walking

from bnlib import kernels


@contextmanager
def compiled_functions(ways):
    """Put the compiled functions in; each call takes the next of ``ways`` over the array."""
    turn = itertools.cycle(ways)

    def alternating(name):
        def call(*arguments):
            with walking(next(turn)):
                return getattr(kernels, name)(*arguments)

        return call

    names = [name for name in kernels.__all__ if name.startswith("batch_norm")]
    with patch.multiple(test_fuzz_functions, **{name: alternating(name) for name in names}):
        yield


@pytest.mark.parametrize("mode", ["training", "evaluation"])
def test_any_input_gives_a_right_result_or_a_documented_error(mode):
    """Three calls for each way, so that forward and backward change places."""
    with compiled_functions(["rows"] * 3 + ["slabs"] * 3):
        getattr(test_fuzz_functions, f"test_{mode}_mode")()


@pytest.mark.parametrize("dtype", test_fuzz_functions.FLOATS)
@pytest.mark.parametrize(("shape", "axis"), test_fuzz_functions.LARGE)
def test_large_arrays_in_any_layout(dtype, shape, axis):
    with compiled_functions(["as it comes"]):
        test_fuzz_functions.test_arrays_that_are_summed_in_blocks(dtype, shape, axis)
