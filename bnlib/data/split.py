"""What every data set with labels comes as: training, test and, if asked for, validation."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bnlib.axes import Array

Labels = npt.NDArray[np.int64]


class Split(NamedTuple):
    """A data set in parts.

    Settings are chosen on the validation part, so that the test part can judge the choice.
    """

    x_train: Array  # (N, D) or (N, C, H, W)
    y_train: Labels  # (N,)
    x_test: Array  # (M, D) or (M, C, H, W)
    y_test: Labels  # (M,)
    x_val: Array | None = None  # (V, D) or (V, C, H, W)
    y_val: Labels | None = None  # (V,)
