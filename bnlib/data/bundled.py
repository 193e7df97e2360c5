"""The handwritten digits that ship with scikit-learn."""

from functools import lru_cache, partial

import numpy as np

from bnlib.arguments import check_integer
from bnlib.data.split import Split


def digits(
    seed: int = 0, standardize: bool = True, test_size: int = 450, val_size: int = 0
) -> Split:
    """Return the 1,797 handwritten 8x8 digits that ship with scikit-learn; no network.

    Parameters
    ----------
    seed : int
        Chooses the split, which is stratified by class.
    standardize : bool
        True: each pixel gets mean 0 and variance 1 over the training part (a pixel that
        is constant there gets 0). False: pixels in [0, 1].
    test_size : int
        Images in the test part, from 10 to 1787.
    val_size : int
        Images that leave the training part for a validation part: 0, or at least 10; at
        least 10 stay.

    Returns
    -------
    Split
        ``x_train`` of shape (1797 - test_size - val_size, 64) and so on; float64 and int64.

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is missing.
    TypeError, ValueError
        If ``test_size`` or ``val_size`` is not an integer, or out of range.

    Notes
    -----
    Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.

    Examples
    --------
    >>> digits(seed=0).x_train.shape
    (1347, 64)
    >>> digits(seed=0, val_size=300).x_val.shape
    (300, 64)
    """
    _check_sizes(test_size, val_size)
    parts = _split(seed, standardize, test_size, val_size)
    return Split(*(None if part is None else part.copy() for part in parts))  # type: ignore[arg-type]


@lru_cache(32)  # reading the images takes much longer than copying them
def _split(seed: int, standardize: bool, test_size: int, val_size: int) -> Split:
    """Return what `digits` does; the arrays are those of every call with these arguments."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "digits: the images ship with scikit-learn, which is missing; "
            "install it with: pip install scikit-learn"
        ) from error
    x, y = load_digits(return_X_y=True)
    x, y = x / 16.0, y.astype(np.int64)
    take = partial(train_test_split, random_state=seed)
    x, x_test, y, y_test = take(x, y, test_size=test_size, stratify=y)
    split = Split(x, y, x_test, y_test)
    if val_size:
        x, x_val, y, y_val = take(x, y, test_size=val_size, stratify=y)
        split = Split(x, y, x_test, y_test, x_val, y_val)
    return _standardized(split) if standardize else split


def _check_sizes(test_size: int, val_size: int) -> None:
    """Raise if a part would have too few images for ten classes."""
    hint = "every part needs every class"
    check_integer("digits", "test_size", test_size, 10, hint, most=1787)
    if val_size:
        hint = "0 makes no validation part, and every part needs every class"
        check_integer("digits", "val_size", val_size, 10, hint, most=1797 - test_size - 10)


def _standardized(split: Split) -> Split:
    """Return each pixel with mean 0 and variance 1 over the training part."""
    mean, std = split.x_train.mean(axis=0), split.x_train.std(axis=0)  # (64,), (64,)
    std[std == 0] = 1.0
    parts = {k: v for k, v in split._asdict().items() if k[0] == "x" and v is not None}
    return split._replace(**{name: (x - mean) / std for name, x in parts.items()})
