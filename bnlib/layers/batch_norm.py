"""Batch normalization as a layer: the mathematics is in `bnlib.functional`."""

import numpy as np

from bnlib.arguments import (
    USUAL_EPS,
    check_backward,
    check_channel_axis,
    check_forward,
    check_integer,
    check_momentum,
    check_number,
    check_statistics,
    check_vectors,
    quiet,
)
from bnlib.axes import Array, Vector
from bnlib.functional.backward import backward
from bnlib.functional.forward import BatchNormCache, eval_forward, train_forward
from bnlib.layers.base import Layer, Parameter, State, need_forward
from bnlib.passes import passes_for


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
        op, length = "BatchNorm", "it is the length of the channel axis"
        self.num_features = check_integer(op, "num_features", num_features, 1, length)
        self.eps = check_number(op, "eps", eps, hint=USUAL_EPS)
        hint = (
            "the weight of the new value (PyTorch's 0.1 is Keras's 0.9), or None for an average"
        )
        self.momentum = None if momentum is None else check_momentum(op, momentum, hint)
        self.channel_axis = check_channel_axis(op, channel_axis)
        self.gamma = Parameter(np.ones(num_features)) if affine else None
        self.beta = Parameter(np.zeros(num_features)) if affine else None
        if track_running_stats:
            self.running_mean = np.zeros(num_features)
            self.running_var = np.ones(num_features)
            self.num_batches_tracked = np.array(0)
        self._cache: BatchNormCache | None = None
        self._used_batch = True  # whether the latest forward took the batch's statistics

    def own_parameters(self) -> dict[str, Parameter]:
        """Return gamma and beta as ``weight`` and ``bias``."""
        names = {"gamma": "weight", "beta": "bias"}
        return {names.get(k, k): p for k, p in super().own_parameters().items()}

    def own_buffers(self) -> State:
        """Return the running statistics and the count of batches."""
        names = ("running_mean", "running_var", "num_batches_tracked")
        return {k: getattr(self, k) for k in names if getattr(self, k) is not None}

    @quiet
    def forward(self, x: Array) -> Array:
        """Normalize ``x``, shape (N, C, *spatial); by its own batch in training mode."""
        op, C = "BatchNorm", self.num_features
        by_batch = self.training or self.running_mean is None or self.running_var is None
        weight = None if self.gamma is None else self.gamma.value
        bias = None if self.beta is None else self.beta.value
        gamma, beta, eps, axis = check_forward(
            op, x, weight, bias, self.eps, self.channel_axis, channels=C,
            min_values=1 + by_batch, hint="use a larger batch or eval()",
        )  # fmt: skip
        if by_batch:
            y, cache = train_forward(x, gamma, beta, eps, axis, passes_for(x))
            check_statistics(op, cache.mu, cache.var, eps, x.dtype)
            if self.training and self.running_mean is not None:
                self._track(cache)
        else:
            mean, var = check_vectors(
                op, C, running_mean=self.running_mean, running_var=self.running_var
            )
            check_statistics(op, mean, var, eps)
            y, cache = eval_forward(x, gamma, beta, mean, var, eps, axis, passes_for(x))
        self._cache, self._used_batch = cache, by_batch
        return y

    @quiet
    def backward(self, dy: Array) -> Array:
        """Set the gradients of gamma and beta and return ``dx``, as the forward pass ran."""
        cache = need_forward(self, self._cache)
        check_backward("BatchNorm.backward", dy, cache, "cache", BatchNormCache)
        dx, dgamma, dbeta = backward(dy, cache, self._used_batch, passes_for(dy))
        if self.gamma is not None and self.beta is not None:
            self.gamma.grad, self.beta.grad = dgamma, dbeta
        return dx

    def _track(self, cache: BatchNormCache) -> None:
        """Move the running statistics towards the batch's; the variance unbiased."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        a = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        m = cache.x.size // self.num_features
        unbiased = cache.var * (m / (m - 1))
        self.running_mean[...] = (1 - a) * self.running_mean + a * cache.mu
        self.running_var[...] = (1 - a) * self.running_var + a * unbiased
