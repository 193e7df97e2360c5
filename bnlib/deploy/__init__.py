"""After training: better running statistics, and no batch normalization at all.

`recalibrate` estimates the running statistics anew from data. `fold` moves a batch
normalization into the layer before it, where it costs nothing.
"""

from bnlib.deploy.folding import fold
from bnlib.deploy.recalibration import recalibrate

__all__ = ["fold", "recalibrate"]
