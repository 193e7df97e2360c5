"""Batch normalization as functions: arrays in, arrays out, no state.

The mode is the function that the caller picks: `batch_norm_train` uses the batch's
statistics, `batch_norm_eval` the ones it is given.
"""

from bnlib.functional.backward import batch_norm_backward, batch_norm_eval_backward
from bnlib.functional.forward import (
    BatchNormCache,
    batch_norm_eval,
    batch_norm_train,
    scale_shift,
)

__all__ = [
    "BatchNormCache",
    "batch_norm_backward",
    "batch_norm_eval",
    "batch_norm_eval_backward",
    "batch_norm_train",
    "scale_shift",
]
