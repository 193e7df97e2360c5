"""Data sets for the chapters, as float64 arrays in [0, 1] or standardized.

`digits` and `patches` come with scikit-learn and need no network. `fetch` downloads the
larger sets; no chapter and no test calls it for a set from outside. `measured` holds times
of the stored benchmark run.
"""

from bnlib.data.bundled import digits
from bnlib.data.download import FetchError
from bnlib.data.fetching import SOURCES, Source, fetch
from bnlib.data.measured import measured
from bnlib.data.photographs import patches
from bnlib.data.split import Labels, Split

__all__ = [
    "SOURCES",
    "FetchError",
    "Labels",
    "Source",
    "Split",
    "digits",
    "fetch",
    "measured",
    "patches",
]
