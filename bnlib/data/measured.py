"""What `make bench` measured, for the chapters' figures: no notebook stores a time."""

import json
from importlib.resources import files
from typing import Any


def measured(name: str) -> dict[str, Any]:
    """Return a suite of the stored benchmark run, on one thread; no network.

    `make bench` measures it anew and replaces what is stored. Times are of the machine
    that ran it, so draw them, and rely on ratios and slopes.

    Parameters
    ----------
    name : "whitening", "folding" or "devices"
        What whitening costs against the number of dimensions, what folding saves, or what
        it costs that several processes share their statistics.

    Returns
    -------
    dict
        A new one at each call. "settings" says how it was measured: threads, clock, dtype
        and more. Beside it, for "whitening":

        - "d": list of int, the dimensions, the smallest first.
        - "ms": dict of lists of float, as long as "d": milliseconds of each operation on
          2048 float64 samples. The operations are "standardize", "covariance", "eigh",
          "apply" (a d x d matrix, to all samples), "cholesky" (the factor alone),
          "newton_schulz_5" and "newton_schulz_10" (steps).
        - "slope": dict of float: the exponent p of ``ms = a * d**p`` over the three
          largest d, by least squares on logarithms.

        For "folding", "rows" with one dict for each stack of conv3x3, batch normalization
        and ReLU on 8x8 images, and each batch size:

        - "batch": int; "stack": str, the channels.
        - "ratio", "low", "high": float: time unfolded / time folded, the median over
          pairs, and its 95 % interval by order statistics. Above 1 folding saves time.
        - "pairs": int, how many; "folded_ms": float, milliseconds of a batch, folded.
        - "multiply_adds_before", "multiply_adds_after": int, counted for one image.

        For "devices", "rows" with one dict for each number of processes and each shape of
        a process's part, (N, C, H, W), in float32:

        - "ms": dict of float, by layer, "BatchNorm2d" and "SyncBatchNorm": milliseconds of
          forward and backward in ``DistributedDataParallel``, the median, wall clock.
        - "bytes": dict of int: what a process sends in a step of `SyncBatchNorm`,
          "gradients" of the parameters and "statistics" of the batch.

    Raises
    ------
    ValueError
        If there is no suite of this name.

    Examples
    --------
    >>> measured("whitening")["d"]
    [32, 64, 128, 256, 512, 1024]
    >>> sorted({row["batch"] for row in measured("folding")["rows"]})
    [1, 32, 256]
    """
    text = files("bnlib.data").joinpath("measured.json").read_text(encoding="utf-8")
    suites: dict[str, dict[str, Any]] = json.loads(text)
    names = tuple(suites)
    if name not in names:
        raise ValueError(
            f"measured: name must be one of {names}, got {name!r}; "
            "book/benchmarks.json holds the other parts of the run"
        )
    return suites[name]
