"""What mutants of `bnlib.convert` showed to be untested: names that are no text."""

import numpy as np
import pytest

from bnlib.convert import convert_state


def test_unknown_names_of_any_type_are_listed():
    state = {"running_mean": np.zeros(1), "running_var": np.ones(1), "gamma": 1, 2: 1}
    with pytest.raises(ValueError, match=r"missing \[\], unknown \[2, 'gamma'\]; pass one"):
        convert_state(state, "torch", "keras")
