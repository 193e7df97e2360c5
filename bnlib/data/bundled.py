"""The handwritten digits that ship with scikit-learn."""

import numpy as np

from bnlib.data.split import Split


def digits(seed: int = 0, standardize: bool = True, test_size: int = 450) -> Split:
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

    Returns
    -------
    Split
        ``x_train`` of shape (1797 - test_size, 64) and so on; float64 and int64.

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is missing.
    ValueError
        If ``test_size`` is out of range.

    Notes
    -----
    Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.

    Examples
    --------
    >>> digits(seed=0).x_train.shape
    (1347, 64)
    """
    if not 10 <= test_size <= 1787:
        raise ValueError(
            f"digits: test_size must lie between 10 and 1787, got {test_size}; "
            "both parts need every class"
        )
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "digits: the images ship with scikit-learn, which is missing; "
            "install it with: pip install scikit-learn"
        ) from error
    x, y = load_digits(return_X_y=True)
    parts = train_test_split(x / 16.0, y, test_size=test_size, stratify=y, random_state=seed)
    x_train, x_test, y_train, y_test = parts
    if standardize:
        mean, std = x_train.mean(axis=0), x_train.std(axis=0)  # (64,), (64,)
        std[std == 0] = 1.0
        x_train, x_test = (x_train - mean) / std, (x_test - mean) / std
    return Split(x_train, y_train.astype(np.int64), x_test, y_test.astype(np.int64))
