"""Batch normalization for PyTorch: drop-in twins of ``torch.nn.BatchNorm1d/2d/3d``.

The modules compute with our own `torch.autograd.Function`. Large float32 and float64
tensors on a CPU go through `bnlib.kernels` where numba is installed; ``BNLIB_FAST=0`` in
the environment turns that off. Everything else, on any device, is closed forms in plain
torch operations. `fold` and `recalibrate` serve trained models.
"""

from bnlib.torch_layers.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from bnlib.torch_layers.fast import fast_path
from bnlib.torch_layers.folding import fold
from bnlib.torch_layers.recalibration import recalibrate

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "fast_path", "fold", "recalibrate"]
