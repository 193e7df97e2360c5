"""Batch normalization for PyTorch: drop-in twins of ``torch.nn.BatchNorm1d/2d/3d``.

The modules compute with plain torch operations, on any device and under any of torch's
transforms and exporters. That has a price: on a CPU a training step of the layer takes three
to four times as long as torch's own. Kept for the backward pass is as much as there: one
array as large as the input. `SyncBatchNorm` normalizes by a batch that several processes
hold parts of. `fold` and `recalibrate` serve trained models.
"""

from bnlib.torch_layers.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from bnlib.torch_layers.folding import fold
from bnlib.torch_layers.recalibration import recalibrate
from bnlib.torch_layers.sync import SyncBatchNorm, convert_sync_batchnorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "SyncBatchNorm",
    "convert_sync_batchnorm",
    "fold",
    "recalibrate",
]
