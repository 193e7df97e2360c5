"""The tables of bad calls are held to what they promise: each of these rows must fail."""

import numpy as np
import pytest
from refusals import Row, each_row

from bnlib.stats import bessel

WORDS = "bessel: m must be at least 2, got {0}; one value ... variance"


def spoil(x):
    """Change the array, and raise what the row says."""
    x += 1
    bessel(1)


@pytest.mark.parametrize(
    "row",
    [
        Row(TypeError, WORDS, bessel, (1,)),
        Row(Exception, WORDS, bessel, (1,)),  # a parent of the error
        Row(ValueError, WORDS, bessel, (2,)),  # no error
        Row(ValueError, WORDS.replace("bessel", "mean"), bessel, (1,)),
        Row(ValueError, WORDS.replace("{0}", "2"), bessel, (1,)),
        Row(ValueError, WORDS.partition(";")[0], bessel, (1,)),
        Row(ValueError, WORDS + " at all", bessel, (1,)),
        Row(ValueError, WORDS.format(1), spoil, on=lambda: np.ones(2)),
    ],
)
def test_a_row_that_is_wrong_fails(row):
    with pytest.raises((AssertionError, pytest.fail.Exception, TypeError, ValueError)):
        row.check(*row.bad)


def test_a_row_that_is_right_passes_for_each_of_its_values():
    row = Row(ValueError, WORDS, bessel, (1, 0, -1))
    for case in each_row(row).args[1]:
        case.values[0].check(*case.values[1])
