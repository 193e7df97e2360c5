"""Maximum pooling, and the step from images to vectors."""

import math

import numpy as np
import numpy.typing as npt

from bnlib.arguments import check_float, check_gradient, check_images, check_pair
from bnlib.axes import Array, Pair
from bnlib.layers.base import Layer, need_forward
from bnlib.layers.im2col import add_windows, windows


class MaxPool2d(Layer):
    """The largest value of each window of each map.

    Parameters
    ----------
    kernel_size : int or pair of int
        Height and width of a window; one integer stands for both.
    stride : int, pair of int, or None
        Steps between windows; ``None`` takes ``kernel_size``, so windows do not overlap.

    Raises
    ------
    TypeError, ValueError
        From the constructor for bad settings; from a call if ``x`` is not a float array
        of shape (N, C, H, W) or is smaller than a window.

    Notes
    -----
    The gradient goes to the largest value; among equal ones to the first, row by row, as
    in ``torch.nn.MaxPool2d``. Rows and columns that fill no window are left out. A NaN is
    passed on.

    Examples
    --------
    >>> layer = MaxPool2d(2)
    >>> layer(np.array([[[[1.0, 4.0], [4.0, 3.0]]]])).item()
    4.0
    >>> layer.backward(np.ones((1, 1, 1, 1)))[0, 0]
    array([[0., 1.],
           [0., 0.]])
    """

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.kernel_size = check_pair("MaxPool2d", "kernel_size", kernel_size, least=1)
        stride = self.kernel_size if stride is None else stride
        self.stride = check_pair("MaxPool2d", "stride", stride, least=1)
        self._cache: tuple[npt.NDArray[np.intp], tuple[int, ...]] | None = None

    def forward(self, x: Array) -> Array:
        """Return the largest values, shape (N, C, Ho, Wo), ``Ho = (H - kh) // sh + 1``."""
        check_images("MaxPool2d", x)
        view = windows("MaxPool2d", x, self.kernel_size, self.stride)
        flat = view.reshape(*view.shape[:4], math.prod(self.kernel_size))
        first = flat.argmax(axis=-1)[..., None]  # (N, C, Ho, Wo, 1)
        self._cache = first, x.shape
        return np.take_along_axis(flat, first, axis=-1)[..., 0]

    def backward(self, dy: Array) -> Array:
        """Return ``dx``, shape of ``x``: ``dy`` where the largest values stood, else 0."""
        first, shape = need_forward(self, self._cache)
        check_gradient("MaxPool2d.backward", dy, first.shape[:4])
        flat = np.zeros((*dy.shape, math.prod(self.kernel_size)), dy.dtype)
        np.put_along_axis(flat, first, dy[..., None], axis=-1)
        return add_windows(flat.reshape(*dy.shape, *self.kernel_size), shape, self.stride)


class Flatten(Layer):
    """Each sample as one vector: (N, C, H, W) becomes (N, C * H * W).

    Raises
    ------
    TypeError, ValueError
        From a call if ``x`` is not a float array of rank 2 or more.

    Examples
    --------
    >>> Flatten()(np.ones((4, 16, 5, 5))).shape
    (4, 400)
    """

    _shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """Return ``x`` as (N, everything else), values in C order; a view where possible."""
        check_float("Flatten", "x", x)
        if x.ndim < 2:
            raise ValueError(
                f"Flatten: expected x of shape (N, ...), rank 2 or more, got {x.shape}; "
                "the first axis counts samples"
            )
        self._shape = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Array) -> Array:
        """Return ``dy`` in the shape of ``x``."""
        shape = need_forward(self, self._shape)
        check_gradient("Flatten.backward", dy, (shape[0], math.prod(shape[1:])))
        return dy.reshape(shape)
