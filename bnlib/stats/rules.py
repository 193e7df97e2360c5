"""From the statistics of batches to those of the population: rules with one interface.

Each rule (two more are in `bnlib.stats.population`) is fed with ``update(mean, var, m)``,
where ``mean`` and the biased ``var`` are a batch's, from `mean_var`, and ``m`` is the number
of values behind them. It answers with ``mean`` and ``var``, the statistics for evaluation
mode. ``var`` is unbiased unless the rule was made with ``unbiased=False``.
"""

import math

import numpy as np

from bnlib.arguments import (
    check_integer,
    check_momentum,
    check_number,
    check_statistics,
    check_vectors,
    quiet,
)
from bnlib.axes import Array, Vector
from bnlib.stats.running import bessel, update_running


class RunningRule:
    """What the rules share: the checks, and ``mean``, ``var`` and ``num_batches``.

    Parameters
    ----------
    unbiased : bool
        Whether ``var`` estimates the population's variance (m - 1) or is the biased one (m).

    Notes
    -----
    ``update`` raises ``TypeError`` or ``ValueError``, and changes nothing, if the arrays are
    not float vectors of one length (that of the first update), are not finite
    (`bnlib.arguments.NonFiniteError`), if ``var`` is negative, or if ``m`` is not a positive
    integer. ``mean`` and ``var`` raise ``ValueError`` before the first update; they are
    copies, shape (C,), float64.
    """

    def __init__(self, unbiased: bool = True) -> None:
        self.unbiased = bool(unbiased)
        self.num_batches = 0
        self._mean: Vector = np.zeros(0)
        self._var: Vector = np.zeros(0)

    @quiet
    def update(self, mean: Array, var: Array, m: int) -> None:
        """Take in one batch: its mean and biased variance, each over ``m`` values."""
        op = f"{type(self).__name__}.update"
        channels = len(self._mean) if self.num_batches else np.size(mean)
        mean, var = check_vectors(op, channels, mean=mean, var=var)
        m = check_integer(op, "m", m, 1, "it counts values")
        check_statistics(op, mean, 2 * var, eps=1.0)  # 2 is Bessel's largest factor
        self._take(mean, var, m)
        self.num_batches += 1

    @property
    def mean(self) -> Vector:
        """The estimate of the population's mean."""
        self._need_batches()
        return self._mean.copy()

    @property
    def var(self) -> Vector:
        """The estimate of the population's variance."""
        self._need_batches()
        return self._var.copy()

    def _take(self, mean: Vector, var: Vector, m: int) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _take")

    def _need_batches(self) -> None:
        if not self.num_batches:
            raise ValueError(
                f"{type(self).__name__}: has no statistics yet; call update with a batch's "
                "mean and var first"
            )

    def _corrected(self, var: Vector, m: int) -> Vector:
        """Return ``var``, unbiased if the rule is."""
        return var * bessel(m) if self.unbiased else var


class Exponential(RunningRule):
    """Exponential average: each batch moves the estimate a fixed part of the way.

    Parameters
    ----------
    momentum : float
        Between 0 and 1.
    weighs : "new" or "old"
        What ``momentum`` multiplies. "new", as in PyTorch:
        ``running = (1 - momentum) * running + momentum * batch``.
        "old", as in Keras: ``running = momentum * running + (1 - momentum) * batch``.
    unbiased : bool
        Whether each batch's variance is multiplied by m / (m - 1), as PyTorch does and Keras
        does not; it then needs at least two values.
    start_mean, start_var : float
        The estimates before the first batch. PyTorch and Keras start from 0 and 1, Darknet
        from 0 and 0. What remains of them after k batches has weight ``(1 - momentum)**k``.

    Raises
    ------
    TypeError, ValueError
        If ``momentum`` is not a number in [0, 1], ``weighs`` is neither "new" nor "old", or
        a starting value is not finite or a negative variance; and as `RunningRule` says.

    Examples
    --------
    >>> rule = Exponential(momentum=0.1)
    >>> rule.update(np.array([10.0]), np.array([4.0]), m=5)  # unbiased: 5
    >>> rule.mean, rule.var
    (array([1.]), array([1.4]))
    """

    def __init__(
        self,
        momentum: float = 0.1,
        weighs: str = "new",
        unbiased: bool = True,
        start_mean: float = 0.0,
        start_var: float = 1.0,
    ) -> None:
        super().__init__(unbiased)
        if weighs not in ("new", "old"):
            raise ValueError(
                f'Exponential: weighs must be "new" or "old", got {weighs!r}; it says what '
                "momentum multiplies (PyTorch: new, Keras: old)"
            )
        self.weighs = weighs
        op, hint = "Exponential", "the estimate before the first batch"
        self.start_mean = check_number(op, "start_mean", start_mean, -math.inf, hint=hint)
        self.start_var = check_number(op, "start_var", start_var, hint=hint)
        hint = "it is the weight of the new value, or of the old one if weighs says so"
        self.momentum = check_momentum(op, momentum, hint)

    def _take(self, mean: Vector, var: Vector, m: int) -> None:
        new = self.momentum if self.weighs == "new" else 1 - self.momentum
        var = self._corrected(var, m)
        if not self.num_batches:
            self._mean = np.full_like(mean, self.start_mean)
            self._var = np.full_like(var, self.start_var)
        self._mean = update_running(self._mean, mean, new)
        self._var = update_running(self._var, var, new)


class Cumulative(RunningRule):
    """Plain average over the batches so far: the k-th has weight 1/k when it comes.

    ``running = (1 - 1/k) * running + batch / k``, PyTorch's ``momentum=None``. All batches
    weigh the same, whatever their size, and no starting value remains.

    Examples
    --------
    >>> rule = Cumulative()
    >>> for mean in (1.0, 2.0, 6.0):
    ...     rule.update(np.array([mean]), np.array([1.0]), m=2)
    >>> rule.mean, rule.var
    (array([3.]), array([2.]))
    """

    def _take(self, mean: Vector, var: Vector, m: int) -> None:
        var = self._corrected(var, m)
        if not self.num_batches:
            self._mean, self._var = mean, var
            return
        k = self.num_batches + 1
        self._mean = update_running(self._mean, mean, 1 / k)
        self._var = update_running(self._var, var, 1 / k)
