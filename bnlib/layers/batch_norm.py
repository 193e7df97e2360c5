"""Batch normalization as a layer: the mathematics is in `bnlib.functional`."""

import numbers

import numpy as np

from bnlib.functional import (
    BatchNormCache,
    batch_norm_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_train,
)
from bnlib.layers.base import Layer, Parameter, State, need_forward
from bnlib.shapes import (
    Array,
    Vector,
    check_eps,
    check_input,
    check_integer_axis,
    check_vector,
    values_per_channel,
)
from bnlib.stats import bessel, update_running


class BatchNorm(Layer):
    r"""Batch normalization over every axis but the channel's.

    Parameters
    ----------
    num_features : int
        Number of channels, C.
    eps : float
        Added to the variance inside the root.
    momentum : float or None
        Weight of the **new** value in the running statistics,
        ``running = (1 - momentum) * running + momentum * batch``. ``None`` takes
        1, 1/2, 1/3, ..., which makes the running value the plain average of all batches.
    affine : bool
        Learn gamma and beta.
    track_running_stats : bool
        Keep running statistics. Without them evaluation uses the batch's, too.
    channel_axis : int
        1 for ``(N, C, *spatial)``, -1 for channels-last.

    Attributes
    ----------
    gamma, beta : Parameter, shape (C,), or None
        In the state: ``weight`` and ``bias``, PyTorch's names.
    running_mean, running_var : ndarray, shape (C,), float64, or None
        The running variance averages *unbiased* batch variances (Bessel, m / (m - 1)).
    num_batches_tracked : ndarray, shape (), int64, or None

    Raises
    ------
    TypeError, ValueError
        From the constructor for bad settings; from a call as `batch_norm_train` and
        `batch_norm_eval`, the layer's state untouched.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithms 1 and 2. Running statistics as in
    ``torch.nn.BatchNorm1d``.

    Examples
    --------
    >>> layer = BatchNorm(2)
    >>> y = layer(np.array([[0.0, 1.0], [4.0, 1.0]]))
    >>> layer.running_mean, layer.running_var
    (array([0.2, 0.1]), array([1.7, 0.9]))
    """

    running_mean: Vector | None = None
    running_var: Vector | None = None
    num_batches_tracked: "np.ndarray[tuple[()], np.dtype[np.int64]] | None" = None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        channel_axis: int = 1,
    ) -> None:
        super().__init__()
        self.num_features = _check_num_features(num_features)
        self.eps = check_eps("BatchNorm", eps)
        self.momentum = _check_momentum(momentum)
        self.channel_axis = check_integer_axis("BatchNorm", channel_axis)
        self.gamma = Parameter(np.ones(num_features)) if affine else None
        self.beta = Parameter(np.zeros(num_features)) if affine else None
        if track_running_stats:
            self.running_mean = np.zeros(num_features)
            self.running_var = np.ones(num_features)
            self.num_batches_tracked = np.array(0)
        self._cache: BatchNormCache | None = None
        self._used_batch = True  # whether the latest forward took the batch's statistics

    def named_parameters(self) -> dict[str, Parameter]:
        """Return gamma and beta as ``weight`` and ``bias``."""
        named = {"weight": self.gamma, "bias": self.beta}
        return {k: p for k, p in named.items() if p is not None}

    def named_buffers(self) -> State:
        """Return the running statistics and the count of batches."""
        names = ("running_mean", "running_var", "num_batches_tracked")
        return {k: getattr(self, k) for k in names if getattr(self, k) is not None}

    def forward(self, x: Array) -> Array:
        """Normalize ``x``, shape (N, C, *spatial); by its own batch in training mode."""
        axis = check_input("BatchNorm", x, self.channel_axis)
        if x.shape[axis] != self.num_features:
            raise ValueError(
                f"BatchNorm: expected {self.num_features} channels on axis {axis}, got x of "
                f"shape {x.shape}; check num_features and channel_axis"
            )
        gamma = None if self.gamma is None else self.gamma.value
        beta = None if self.beta is None else self.beta.value
        if self.training or self.running_mean is None or self.running_var is None:
            y, cache = batch_norm_train(x, gamma, beta, self.eps, axis)
            if self.training and self.running_mean is not None:
                self._track(cache)
            self._cache, self._used_batch = cache, True
            return y
        mean, var = self.running_mean.copy(), self.running_var.copy()
        y = batch_norm_eval(x, gamma, beta, mean, var, self.eps, axis)
        scale = check_vector("BatchNorm", "gamma", gamma, self.num_features, default=1.0)
        inv_std = 1 / np.sqrt(var + self.eps)
        self._cache = BatchNormCache(x, mean, var, inv_std, scale, self.eps, axis)
        self._used_batch = False
        return y

    def backward(self, dy: Array) -> Array:
        """Set the gradients of gamma and beta and return ``dx``, as the forward pass ran."""
        need_forward(self, self._cache)
        assert self._cache is not None
        differentiate = batch_norm_backward if self._used_batch else batch_norm_eval_backward
        dx, dgamma, dbeta = differentiate(dy, self._cache)
        if self.gamma is not None and self.beta is not None:
            self.gamma.grad, self.beta.grad = dgamma, dbeta
        return dx

    def _track(self, cache: BatchNormCache) -> None:
        """Move the running statistics towards the batch's."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        unbiased = cache.var * bessel(values_per_channel(cache.x.shape, cache.channel_axis))
        self.running_mean[...] = update_running(self.running_mean, cache.mu, momentum)
        self.running_var[...] = update_running(self.running_var, unbiased, momentum)


def _check_num_features(num_features: int) -> int:
    """Return ``num_features``, or raise unless it is a positive integer."""
    integral = isinstance(num_features, numbers.Integral) and not isinstance(num_features, bool)
    if not integral:
        raise TypeError(
            f"BatchNorm: num_features must be an integer, got {num_features!r}; "
            "it is the length of the channel axis"
        )
    if num_features < 1:
        raise ValueError(
            f"BatchNorm: num_features must be at least 1, got {num_features}; "
            "it is the length of the channel axis"
        )
    return int(num_features)


def _check_momentum(momentum: float | None) -> float | None:
    """Return ``momentum``, or raise unless it is None or a number in [0, 1]."""
    if momentum is None:
        return None
    if isinstance(momentum, bool) or not isinstance(momentum, numbers.Real):
        raise TypeError(
            f"BatchNorm: momentum must be a number or None, got {momentum!r}; "
            "None averages all batches"
        )
    if not 0 <= momentum <= 1:
        raise ValueError(
            f"BatchNorm: momentum must lie between 0 and 1, got {momentum}; "
            "it is the weight of the new value (PyTorch's 0.1 is Keras's 0.9)"
        )
    return float(momentum)
