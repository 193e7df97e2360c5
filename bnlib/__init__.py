"""Batch normalization, computed: the code that the book teaches.

What stands here needs NumPy alone. The rest is imported by name: `bnlib.kernels`
(compiled), `bnlib.torch_layers`, `bnlib.processes`, `bnlib.data`, `bnlib.models`,
`bnlib.train` and `bnlib.plots`.
"""

from bnlib.deploy import fold, recalibrate
from bnlib.functional import batch_norm_backward, batch_norm_eval, batch_norm_train
from bnlib.layers import BatchNorm
from bnlib.stats import mean_var
from bnlib.whitening import Whitener

__version__ = "0.1.0"

__all__ = [
    "BatchNorm",
    "Whitener",
    "__version__",
    "batch_norm_backward",
    "batch_norm_eval",
    "batch_norm_train",
    "fold",
    "mean_var",
    "recalibrate",
]
