"""Mean and variance per channel, by several methods, and what becomes of them over batches.

`mean_var` is what batch normalization uses. `one_pass_mean_var` and `welford_mean_var`
stand beside it for comparison. `merge` joins the statistics of two parts of the data.
The rules (`Exponential`, `Cumulative`, `BatchAverage`, `DatasetPass`) turn the statistics
of many batches into those of the population.
"""

from bnlib.stats.merging import merge
from bnlib.stats.one_pass import one_pass_mean_var, welford_mean_var
from bnlib.stats.population import BatchAverage, DatasetPass
from bnlib.stats.rules import Cumulative, Exponential, RunningRule
from bnlib.stats.running import bessel, update_running
from bnlib.stats.two_pass import channel_sum, mean_var

__all__ = [
    "BatchAverage",
    "Cumulative",
    "DatasetPass",
    "Exponential",
    "RunningRule",
    "bessel",
    "channel_sum",
    "mean_var",
    "merge",
    "one_pass_mean_var",
    "update_running",
    "welford_mean_var",
]
