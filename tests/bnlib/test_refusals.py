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
        Row("another error", TypeError, WORDS, bessel, (1,)),
        Row("a parent of the error", Exception, WORDS, bessel, (1,)),
        Row("no error", ValueError, WORDS, bessel, (2,)),
        Row("another operation", ValueError, WORDS.replace("bessel", "mean"), bessel, (1,)),
        Row("another value", ValueError, WORDS.replace("{0}", "2"), bessel, (1,)),
        Row("no advice", ValueError, WORDS.partition(";")[0], bessel, (1,)),
        Row("other advice", ValueError, WORDS + " at all", bessel, (1,)),
        Row("changed", ValueError, WORDS.format(1), spoil, on=lambda: np.ones(2)),
    ],
    ids=lambda row: row.name,
)
def test_a_row_that_is_wrong_fails(row):
    with pytest.raises((AssertionError, pytest.fail.Exception, TypeError, ValueError)):
        row.check(*row.bad)


def test_a_row_that_is_right_passes_for_each_of_its_values():
    row = Row("m", ValueError, WORDS, bessel, (1, 0, -1))
    for value in row.bad:
        row.check(value)
    assert [case.id for case in each_row(row).args[1]] == ["m 0", "m 1", "m 2"]
