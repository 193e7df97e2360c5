"""Convolution in NumPy, as one matrix product (im2col)."""

import numpy as np

from bnlib.arguments import check_gradient, check_images, check_pair, quiet
from bnlib.axes import Array, Pair
from bnlib.layers.base import Layer, Parameter, need_forward
from bnlib.layers.im2col import add_windows, pad, windows
from bnlib.passes.blocked import channel_sum


class Conv2d(Layer):
    r"""Two-dimensional convolution: the same small linear map at every place of an image.

    As in every deep-learning library the kernel is not flipped, so it is in fact a
    cross-correlation: ``y[n, o, i, j]`` is ``bias[o]`` plus the sum over c, a and b of
    ``weight[o, c, a, b] * x[n, c, sh * i + a - ph, sw * j + b - pw]``.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding : int or pair of int
        Height and width; one integer stands for both. The padding is zeros, on both sides.
    bias : bool
    std : float or None
        Standard deviation of the initial weights, which are normal; ``None`` takes
        ``sqrt(2 / (in_channels * kh * kw))`` (He et al. 2015).
    seed : int or numpy.random.Generator

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels, kh, kw), float64
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    TypeError, ValueError
        From the constructor for bad settings; from a call if ``x`` is not a float array
        of shape (N, in_channels, H, W) or is smaller than the kernel.

    Notes
    -----
    LeCun et al. (1998), *Gradient-based learning applied to document recognition*. The
    product of matrices is that of Chellapilla, Puri & Simard (2006). Layout and names are
    those of ``torch.nn.Conv2d``.

    Examples
    --------
    >>> layer = Conv2d(1, 6, kernel_size=5, padding=2, seed=0)
    >>> layer(np.ones((4, 1, 28, 28))).shape
    (4, 6, 28, 28)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        bias: bool = True,
        std: float | None = None,
        seed: "int | np.random.Generator" = 0,  # a string: numpy.random loads when used
    ) -> None:
        super().__init__()
        check_pair("Conv2d", "in_channels, out_channels", (in_channels, out_channels), least=1)
        self.kernel_size = check_pair("Conv2d", "kernel_size", kernel_size, least=1)
        self.stride = check_pair("Conv2d", "stride", stride, least=1)
        self.padding = check_pair("Conv2d", "padding", padding, least=0)
        shape = (out_channels, in_channels, *self.kernel_size)
        std = np.sqrt(2 / np.prod(shape[1:])) if std is None else std
        self.weight = Parameter(std * np.random.default_rng(seed).standard_normal(shape))
        self.bias = Parameter(np.zeros(out_channels)) if bias else None
        self._cache: tuple[Array, tuple[int, ...], tuple[int, ...]] | None = None

    @quiet
    def forward(self, x: Array) -> Array:
        """Return the maps, shape (N, out_channels, Ho, Wo), dtype of ``x``.

        ``Ho = (H + 2 * ph - kh) // sh + 1``, and ``Wo`` likewise.
        """
        weight = self.weight.value
        check_images("Conv2d", x, weight.shape[1])
        padded = pad(x, self.padding)
        view = windows("Conv2d", padded, self.kernel_size, self.stride)
        N, _, Ho, Wo = view.shape[:4]
        # One row a window: (N * Ho * Wo, in_channels * kh * kw).
        rows = view.transpose(0, 2, 3, 1, 4, 5).reshape(N * Ho * Wo, weight[0].size)
        y = rows @ self._matrix(x).T
        if self.bias is not None:
            y += self.bias.value.astype(x.dtype)
        maps = np.ascontiguousarray(y.reshape(N, Ho, Wo, len(weight)).transpose(0, 3, 1, 2))
        self._cache = rows, padded.shape, maps.shape
        return maps

    @quiet
    def backward(self, dy: Array) -> Array:
        """Set ``weight.grad`` and ``bias.grad``; return ``dx``, as ``x``, in ``dy``'s dtype."""
        rows, padded_shape, shape = need_forward(self, self._cache)
        check_gradient("Conv2d.backward", dy, shape)
        N, _, Ho, Wo = shape
        by_row = dy.transpose(0, 2, 3, 1).reshape(N * Ho * Wo, shape[1])
        self.weight.grad = (by_row.T @ rows).reshape(self.weight.value.shape)
        if self.bias is not None:
            self.bias.grad = channel_sum(dy, 1).astype(dy.dtype)
        drows = by_row @ self._matrix(dy)
        parts = drows.reshape(N, Ho, Wo, padded_shape[1], *self.kernel_size)
        dx = add_windows(parts.transpose(0, 3, 1, 2, 4, 5), padded_shape, self.stride)
        (ph, pw), (H, W) = self.padding, padded_shape[2:]
        return dx[:, :, ph : H - ph, pw : W - pw]

    def _matrix(self, like: Array) -> Array:
        """Return the weights as (out_channels, in_channels * kh * kw), in ``like``'s dtype."""
        weight = self.weight.value
        return weight.reshape(len(weight), weight[0].size).astype(like.dtype, copy=False)
