"""Is a backward pass right? Finite differences that end in a verdict.

The loss is ``sum(w * f(x))`` with random ``w``: a plain sum is blind to much (the gradient
of the sum of a batch-normalized output is 0, so ``return zeros`` would pass).
"""

from bnlib.gradcheck.differences import numeric_gradient, projection, step_sweep
from bnlib.gradcheck.inputs import MeaninglessCheckError
from bnlib.gradcheck.verdict import Verdict, gradcheck

__all__ = [
    "MeaninglessCheckError",
    "Verdict",
    "gradcheck",
    "numeric_gradient",
    "projection",
    "step_sweep",
]
