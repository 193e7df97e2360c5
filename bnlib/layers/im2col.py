"""Windows that slide over images, and the way back: what convolution and pooling share."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bnlib.axes import Array, Pair


def pad(x: Array, padding: Pair) -> Array:
    """Return ``x`` with zeros around each image: rows above and below, columns beside."""
    ph, pw = padding
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw))) if ph or pw else x


def windows(op: str, x: Array, kernel: Pair, stride: Pair) -> Array:
    """Return a read-only view of every window of every image, no data copied.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
    kernel, stride : pair of int
        Height and width of a window, and of the steps between windows.

    Returns
    -------
    ndarray, shape (N, C, Ho, Wo, kh, kw)
        ``Ho = (H - kh) // sh + 1``; rows and columns that fill no window are left out.

    Raises
    ------
    ValueError
        If no window fits.

    Examples
    --------
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> windows("example", x, (2, 2), (1, 1))[0, 0, 0, 1]
    array([[1., 2.],
           [4., 5.]])
    """
    if x.shape[2] < kernel[0] or x.shape[3] < kernel[1]:
        raise ValueError(
            f"{op}: a window of {kernel[0]} x {kernel[1]} does not fit into images of "
            f"{x.shape[2]} x {x.shape[3]}, padding included; use a smaller kernel_size or "
            "larger images"
        )
    view = sliding_window_view(x, kernel, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1]]


def add_windows(parts: Array, shape: tuple[int, ...], stride: Pair) -> Array:
    """Add windows up where they came from: the transpose of `windows`.

    Parameters
    ----------
    parts : ndarray, shape (N, C, Ho, Wo, kh, kw)
    shape : tuple of int
        (N, C, H, W), the shape of what `windows` was given.

    Returns
    -------
    ndarray, shape (N, C, H, W)
        Each pixel is the sum over all windows that it lies in.

    Examples
    --------
    >>> add_windows(np.ones((1, 1, 2, 2, 2, 2)), (1, 1, 3, 3), (1, 1))[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    Ho, Wo, kh, kw = parts.shape[2:]
    sh, sw = stride
    total = np.zeros(shape, parts.dtype)
    for i, j in np.ndindex(kh, kw):
        total[:, :, i : i + sh * Ho : sh, j : j + sw * Wo : sw] += parts[..., i, j]
    return total
