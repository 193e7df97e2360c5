"""Loss and optimizer of the NumPy networks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bnlib.arguments import check_float, quiet
from bnlib.axes import Array
from bnlib.layers.base import Parameter


@quiet
def softmax_cross_entropy(
    logits: Array, labels: npt.NDArray[np.integer]
) -> tuple[float, Array]:
    """Return the mean cross-entropy of softmax(logits) and its gradient to the logits.

    Parameters
    ----------
    logits : ndarray, shape (N, K), float32 or float64
    labels : ndarray, shape (N,), integer
        Classes from 0 to K - 1.

    Returns
    -------
    loss : float
        In nats; NaN where the logits are not finite.
    dlogits : ndarray, shape (N, K), dtype of ``logits``

    Raises
    ------
    TypeError, ValueError
        If the arrays are not as described.

    Examples
    --------
    >>> loss, dlogits = softmax_cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> round(loss, 4), dlogits
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    """
    _check_labels(logits, labels)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    dlogits = np.exp(log_p)
    dlogits[rows, labels] -= 1
    return float(-log_p[rows, labels].mean()), dlogits / len(labels)


def _check_labels(logits: Array, labels: npt.NDArray[np.integer]) -> None:
    """Raise unless ``logits`` is (N, K) and ``labels`` holds N classes below K."""
    op = "softmax_cross_entropy"
    check_float(op, "logits", logits)
    if logits.ndim != 2 or logits.size == 0:
        raise ValueError(f"{op}: expected logits of shape (N, K), got {logits.shape}")
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        raise TypeError(
            f"{op}: labels must be an integer array; convert with .astype(np.int64)"
        )
    if labels.shape != logits.shape[:1]:
        raise ValueError(
            f"{op}: expected {len(logits)} labels, one a row, got shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"{op}: labels must lie between 0 and {logits.shape[1] - 1}, "
            f"got {labels.min()} to {labels.max()}; check the number of classes"
        )


class SGD:
    """Stochastic gradient descent, with momentum and weight decay as in PyTorch.

    Parameters
    ----------
    parameters : sequence of Parameter
    lr : float
        Learning rate, above 0.
    momentum, weight_decay : float
        At least 0. One step is ``g = grad + weight_decay * value``,
        ``v = momentum * v + g``, ``value = value - lr * v``.

    Raises
    ------
    ValueError
        If a setting is out of range or there is nothing to train.

    Examples
    --------
    >>> p = Parameter(np.array([1.0]))
    >>> p.grad = np.array([0.5])
    >>> SGD([p], lr=0.1).step()
    >>> p.value
    array([0.95])
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        if not (0 < lr < np.inf and 0 <= momentum < np.inf and 0 <= weight_decay < np.inf):
            raise ValueError(
                "SGD: expected finite lr > 0, momentum >= 0 and weight_decay >= 0, "
                f"got lr={lr}, momentum={momentum}, weight_decay={weight_decay}"
            )
        if not parameters:
            raise ValueError("SGD: got no parameters; pass model.parameters()")
        self.parameters = list(parameters)
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self._velocity = [np.zeros_like(p.value) for p in self.parameters]

    @quiet
    def step(self) -> None:
        """Move every parameter in place, against its gradient."""
        for p, v in zip(self.parameters, self._velocity, strict=True):
            g = p.grad + self.weight_decay * p.value if self.weight_decay else p.grad
            if self.momentum:
                v *= self.momentum
                v += g
                g = v
            p.value -= self.lr * g
