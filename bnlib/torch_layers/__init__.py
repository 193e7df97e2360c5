"""Batch normalization for PyTorch: drop-in twins of ``torch.nn.BatchNorm1d/2d/3d``.

The modules compute with plain torch operations, on any device and under any of torch's
transforms and exporters. `fold` and `recalibrate` serve trained models.
"""

from bnlib.torch_layers.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from bnlib.torch_layers.folding import fold
from bnlib.torch_layers.recalibration import recalibrate

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "fold", "recalibrate"]
