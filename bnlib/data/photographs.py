"""Patches of the two photographs that ship with scikit-learn, for whitening."""

from functools import cache

import numpy as np
import numpy.typing as npt

from bnlib.arguments import check_integer
from bnlib.axes import Array

PHOTOS = ("china", "flower")
# Rec. ITU-R BT.601, luma from gamma-encoded R, G, B: 0.299, 0.587, 0.114. In thousandths
# the sum is exact, so white is 1 and not 0.9999999999999999.
LUMA = np.array([299, 587, 114])


def patches(
    size: int,
    color: bool = False,
    count: int = 10_000,
    seed: int | np.random.Generator = 0,
    photo: str | None = None,
) -> Array:
    """Return square patches of two photographs, one a row; no network.

    Parameters
    ----------
    size : int
        Side of a patch in pixels, from 1 to 427 (the photographs are 427 x 640).
    color : bool
        False: grey, the luma ``0.299 R + 0.587 G + 0.114 B``. True: red, green, blue.
    count : int
        Number of patches; no two start at the same pixel of the same photograph.
    seed : int or numpy.random.Generator
        Chooses the patches and their order. With the same integer, the first patches do
        not depend on ``count``, and grey patches lie where the coloured ones do.
    photo : str or None
        ``"china"`` (a temple), ``"flower"``, or both in equal parts on average.

    Returns
    -------
    ndarray, shape (count, size * size) or (count, size * size * 3), float64
        Values in [0, 1], not centred. ``row.reshape(size, size)`` or
        ``row.reshape(size, size, 3)`` is the picture.

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn, or Pillow, which reads the photographs, is missing.
    TypeError
        If ``size`` or ``count`` is not an integer, or ``color`` not a bool.
    ValueError
        If ``size``, ``count`` or ``photo`` is out of range.

    Notes
    -----
    ``china.jpg`` and ``flower.jpg`` stand under the licence CC BY 2.0; photographers:
    danielbuechele and vultilion (Flickr). Decoders of JPEG may differ by a few 1/255.

    Examples
    --------
    >>> patches(8, count=5).shape, patches(8, color=True, count=5).shape
    ((5, 64), (5, 192))
    """
    photos = _photographs(photo)  # (P, H, W, 3)
    height = min(photos.shape[1:3])
    size = check_integer("patches", "size", size, 1, "the photographs are 427 high", height)
    if not isinstance(color, bool | np.bool_):
        raise TypeError(
            f"patches: color must be True or False, got {color!r}; False gives grey patches"
        )
    windows = np.lib.stride_tricks.sliding_window_view(photos, (size, size), axis=(1, 2))
    starts = windows.shape[:3]  # (P, H - size + 1, W - size + 1)
    total = int(np.prod(starts))
    hint = f"there are so many patches of size {size}"
    count = check_integer("patches", "count", count, 1, hint, total)
    order = np.random.default_rng(seed).permutation(total)[:count]
    chosen = windows[np.unravel_index(order, starts)]  # (count, 3, size, size)
    scale = 255 if color else 255 * LUMA.sum()
    values = np.moveaxis(chosen, 1, -1)  # (count, size, size, 3)
    if not color:
        values = values @ LUMA  # (count, size, size), from 0 to 255000
    return values.reshape(count, -1) / np.float64(scale)


def _photographs(photo: str | None) -> npt.NDArray[np.uint8]:
    """Return one or both photographs, shape (1 or 2, 427, 640, 3)."""
    if photo not in {None, *PHOTOS}:
        raise ValueError(
            f"patches: photo must be 'china', 'flower' or None, got {photo!r}; "
            "None takes patches of both"
        )
    try:
        images = _decoded()
    except ImportError as error:
        raise ModuleNotFoundError(
            "patches: the photographs ship with scikit-learn and Pillow reads them; one of "
            "the two is missing; install both with: pip install scikit-learn pillow"
        ) from error
    return images if photo is None else images[[PHOTOS.index(photo)]]


@cache
def _decoded() -> npt.NDArray[np.uint8]:
    """Return both photographs, shape (2, 427, 640, 3), which nobody changes."""
    from sklearn.datasets import load_sample_images

    return np.stack(load_sample_images().images)
