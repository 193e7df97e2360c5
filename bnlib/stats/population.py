"""Two rules that weigh each value alike, so that ragged batches do no harm."""

from bnlib.axes import Vector
from bnlib.stats.merging import merge
from bnlib.stats.rules import RunningRule
from bnlib.stats.running import bessel, update_running


class BatchAverage(RunningRule):
    """The paper's rule: the average of the batches' means and of their variances.

    For K batches of the same m it is ``mean = sum(mu_k) / K`` and
    ``var = m / (m - 1) * sum(var_k) / K``. Batches of other sizes weigh by what they tell:
    a mean by its ``m_k`` values, an unbiased variance by its ``m_k - 1`` degrees of freedom,

        ``mean = sum(m_k * mu_k) / sum(m_k)``,
        ``var = sum(m_k * var_k) / sum(m_k - 1)``,

    the second of which is the pooled variance. Both are then unbiased, and a ragged last
    batch has no more weight than its values; a batch of one value adds nothing to ``var``.
    With ``unbiased=False``, ``var = sum(m_k * var_k) / sum(m_k)``.

    ``var`` is the spread *within* batches: where the batches differ from each other (data
    in order, or a net that still changes), `DatasetPass` is larger. It raises ``ValueError``
    if no batch had two values and the rule is unbiased; else as in `RunningRule`.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 2, line 10.

    Examples
    --------
    >>> import numpy as np
    >>> rule = BatchAverage()
    >>> for batch in ([0.0, 2.0, 4.0], [5.0]):
    ...     rule.update(np.array([np.mean(batch)]), np.array([np.var(batch)]), len(batch))
    >>> rule.mean, rule.var
    (array([2.75]), array([4.]))
    """

    _values = 0
    _freedom = 0  # degrees of freedom: what the variances weigh

    @property
    def var(self) -> Vector:
        """The estimate of the population's variance."""
        if self.num_batches and not self._freedom:
            raise ValueError(
                "BatchAverage: no batch had 2 values, so var is unknown; "
                "use larger batches or DatasetPass"
            )
        return super().var

    def _take(self, mean: Vector, var: Vector, m: int) -> None:
        freedom = m - 1 if self.unbiased else m
        if freedom:
            var = self._corrected(var, m)
        if not self.num_batches:
            self._mean, self._var = mean, var
        else:
            self._mean = update_running(self._mean, mean, m / (self._values + m))
            share = freedom / ((self._freedom + freedom) or 1)
            self._var = update_running(self._var, var, share)
        self._values += m
        self._freedom += freedom


class DatasetPass(RunningRule):
    """The exact statistics of all values seen, however they were cut into batches.

    Batches are joined as `merge` does, so ``var`` counts the differences between batches
    too. It equals the variance of the whole data set (over m - 1 unless ``unbiased=False``)
    if the batches are the data set, each value once, and nothing changes on the way: a
    frozen net. ``count`` is the number of values per channel. ``var`` raises ``ValueError``
    if there is only one and the rule is unbiased; else as in `RunningRule`.

    Notes
    -----
    Chan, Golub & LeVeque (1983).

    Examples
    --------
    >>> import numpy as np
    >>> rule = DatasetPass(unbiased=False)
    >>> for batch in ([0.0, 2.0, 4.0], [5.0]):
    ...     rule.update(np.array([np.mean(batch)]), np.array([np.var(batch)]), len(batch))
    >>> rule.count, rule.mean, rule.var
    (4, array([2.75]), array([3.6875]))
    """

    count = 0

    @property
    def var(self) -> Vector:
        """The variance of all values seen."""
        self._need_batches()
        factor = bessel(self.count) if self.unbiased else 1.0
        return self._var / self.count * factor

    def _take(self, mean: Vector, var: Vector, m: int) -> None:
        """Keep the sum of squared deviations where the other rules keep the variance."""
        before = (self.count, self._mean, self._var) if self.count else (0, 0 * mean, 0 * var)
        self.count, self._mean, self._var = merge(*before, m, mean, m * var)
