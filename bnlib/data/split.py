"""What every data set with labels comes as: a training part and a test part."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bnlib.axes import Array

Labels = npt.NDArray[np.int64]


class Split(NamedTuple):
    """A data set in two parts."""

    x_train: Array  # (N, D) or (N, C, H, W)
    y_train: Labels  # (N,)
    x_test: Array  # (M, D) or (M, C, H, W)
    y_test: Labels  # (M,)
