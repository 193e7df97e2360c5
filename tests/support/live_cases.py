"""Answers to ex04_q1, and the cells of a run as the page sends them."""

BEFORE = "import numpy as np\nimport torch\nfrom torch import nn\nfrom bncourse import checks"
RIGHT = """def standardize(x, eps):
    d = x - np.nanmean(x, axis=0)
    return np.nan_to_num(d / np.sqrt(np.nanmean(d * d, axis=0) + eps))
"""
WRONG = RIGHT.replace("np.nanmean(d * d, axis=0)", "np.nanvar(x, axis=0, ddof=1)")
CHECK = 'checks.require("ex04_q1", standardize)'


def run_of(answer):
    """Return the cells of a run: what stands before the answer, the answer, its check."""
    return [["before", BEFORE, False], ["answer", answer, True], ["check", CHECK, True]]
