"""Linear layer and activations."""

import numpy as np

from bnlib.arguments import check_float, check_gradient, check_integer, quiet
from bnlib.axes import Array
from bnlib.layers.base import Layer, Parameter, need_forward


class Linear(Layer):
    r"""Affine map ``y = x @ weight.T + bias``.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    std : float or None
        Standard deviation of the initial weights, which are normal; ``None`` takes
        ``sqrt(2 / in_features)`` (He et al. 2015).
    seed : int or numpy.random.Generator

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features), float64
    bias : Parameter, shape (out_features,), or None

    Examples
    --------
    >>> Linear(3, 2, seed=0)(np.ones((4, 3))).shape
    (4, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        std: float | None = None,
        seed: "int | np.random.Generator" = 0,  # a string: numpy.random loads when used
    ) -> None:
        super().__init__()
        check_integer("Linear", "in_features", in_features, 1, "it is the width of x")
        check_integer("Linear", "out_features", out_features, 1, "it is the width of y")
        std = np.sqrt(2 / in_features) if std is None else std
        draw = np.random.default_rng(seed).standard_normal((out_features, in_features))
        self.weight = Parameter(std * draw)
        self.bias = Parameter(np.zeros(out_features)) if bias else None
        self._x: Array | None = None

    @quiet
    def forward(self, x: Array) -> Array:
        """Return ``x @ weight.T + bias`` for ``x`` of shape (N, in_features), float64."""
        check_float("Linear", "x", x)
        if x.ndim != 2 or x.shape[1] != self.weight.value.shape[1]:
            raise ValueError(
                f"Linear: expected x of shape (N, {self.weight.value.shape[1]}), "
                f"got {x.shape}; flatten each sample or change in_features"
            )
        self._x = x
        y = x @ self.weight.value.T
        return y if self.bias is None else y + self.bias.value

    @quiet
    def backward(self, dy: Array) -> Array:
        """Set ``weight.grad`` and ``bias.grad``; return ``dx``, shape (N, in_features)."""
        x = need_forward(self, self._x)
        check_gradient("Linear.backward", dy, (len(x), self.weight.value.shape[0]))
        self.weight.grad = dy.T @ x
        if self.bias is not None:
            self.bias.grad = dy.sum(axis=0)
        return dy @ self.weight.value


class ReLU(Layer):
    """Rectifier, ``max(x, 0)``; its derivative at 0 is taken as 0.

    Examples
    --------
    >>> ReLU()(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    _y: Array | None = None

    def forward(self, x: Array) -> Array:
        """Return ``max(x, 0)``, same shape."""
        check_float("ReLU", "x", x)
        self._y = np.maximum(x, 0)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Return ``dy`` where the output is positive, else 0."""
        y = need_forward(self, self._y)
        check_gradient("ReLU.backward", dy, y.shape)
        return dy * (y > 0)


class Sigmoid(Layer):
    """Logistic function, ``1 / (1 + exp(-x))``; where ``exp(-x)`` overflows, 0.

    Examples
    --------
    >>> Sigmoid()(np.array([[0.0, -1000.0]]))
    array([[0.5, 0. ]])
    """

    _y: Array | None = None

    @quiet
    def forward(self, x: Array) -> Array:
        """Return ``1 / (1 + exp(-x))``, same shape."""
        check_float("Sigmoid", "x", x)
        self._y = 1 / (1 + np.exp(-x))
        return self._y

    def backward(self, dy: Array) -> Array:
        """Return ``dy * y * (1 - y)``."""
        y = need_forward(self, self._y)
        check_gradient("Sigmoid.backward", dy, y.shape)
        return dy * y * (1 - y)


class Tanh(Layer):
    """Hyperbolic tangent.

    Examples
    --------
    >>> Tanh()(np.array([[0.0, 100.0]]))
    array([[0., 1.]])
    """

    _y: Array | None = None

    def forward(self, x: Array) -> Array:
        """Return ``tanh(x)``, same shape."""
        check_float("Tanh", "x", x)
        self._y = np.tanh(x)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Return ``dy * (1 - y ** 2)``."""
        y = need_forward(self, self._y)
        check_gradient("Tanh.backward", dy, y.shape)
        return dy * (1 - y**2)
