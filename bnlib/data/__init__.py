"""Data sets for the chapters, as float64 arrays in [0, 1] or standardized.

`digits` and `patches` come with scikit-learn and need no network; for a larger set,
scikit-learn's `fetch_openml` downloads one. `measured` holds times of the stored benchmark
run.
"""

from bnlib.data.bundled import digits
from bnlib.data.measured import measured
from bnlib.data.photographs import patches
from bnlib.data.split import Labels, Split

__all__ = ["Labels", "Split", "digits", "measured", "patches"]
