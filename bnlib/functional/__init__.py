"""Batch normalization as functions: arrays in, arrays out, no state.

The mode is the function that the caller picks: `batch_norm_train` uses the batch's
statistics, `batch_norm_eval` the ones it is given. The backward pass stands here three
times: in closed form, in stages with every intermediate named, and as a Jacobian.
"""

from bnlib.functional.backward import batch_norm_backward, batch_norm_eval_backward
from bnlib.functional.double_backward import (
    batch_norm_double_backward,
    batch_norm_eval_double_backward,
)
from bnlib.functional.forward import (
    BatchNormCache,
    batch_norm_eval,
    batch_norm_train,
    eval_forward,
    train_forward,
)
from bnlib.functional.jacobians import jacobian
from bnlib.functional.staged import StageGradients, Stages, staged_backward, staged_forward

__all__ = [
    "BatchNormCache",
    "StageGradients",
    "Stages",
    "batch_norm_backward",
    "batch_norm_double_backward",
    "batch_norm_eval",
    "batch_norm_eval_backward",
    "batch_norm_eval_double_backward",
    "batch_norm_train",
    "eval_forward",
    "jacobian",
    "staged_backward",
    "staged_forward",
    "train_forward",
]
