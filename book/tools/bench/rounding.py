"""How the numbers of a run are rounded."""


def digits(value: float) -> float:
    """Return ``value`` with four significant digits.

    Examples
    --------
    >>> digits(0.0123456)
    0.01235
    """
    return float(f"{value:.4g}")
