"""Lets tests import the benchmark tool, and makes up a run of it."""

import itertools
import sys
from typing import Any

from house import ROOT

TOOL = ROOT / "book" / "tools" / "bench"
if str(TOOL.parent) not in sys.path:
    sys.path.append(str(TOOL.parent))

SHAPES = ([64, 100], [4096, 1024], [32, 64, 56, 56], [64, 256, 14, 14])
DTYPES = ("float32", "float64")
OPERATIONS = ("forward", "backward", "inference")
BYTES = {"float32": 4, "float64": 8}
RATIO = {"compiled": 0.4, "limit": 0.3, "numpy": 0.9, "textbook": 5.0, "torch": 1.0}
COLD = {"compiled": 0.3, "limit": 0.1, "numpy": 0.25, "torch": 0.15}


def size(shape: list[int], dtype: str) -> int:
    """Return the bytes of an array."""
    size = BYTES[dtype]
    for n in shape:
        size *= n
    return size


def made_up(**ratio: float) -> dict[str, Any]:
    """Return a run as the tool stores it, every ratio to torch the same for all shapes."""
    return {
        "settings": {
            "threads": 1, "clock": "CPU time", "seconds": 1.0, "limit": "numba", "cores": 2,
            "malloc": {}, "load": [0.1, 0.2],
        },
        "versions": {"python": "3.11.0", "torch": "2.13.0"},
        "notes": [],
        "times": [
            {
                "op": op, "shape": shape, "dtype": dtype, "bytes": size(shape, dtype),
                "repetitions": 7, "torch_ms": 2.0, "ratio": {**RATIO, **ratio},
            }
            for shape, dtype, op in itertools.product(SHAPES, DTYPES, OPERATIONS)
        ],
        "memory": [
            {"path": path, "op": op, "shape": [32768, 256], "traced": 1.0, "resident": 1.01}
            for path, op in itertools.product(("compiled", "numpy"), OPERATIONS)
        ],
        "growth": [
            {"axis": "N", "sizes": [8, 128], "op": op, "slope": {"compiled": 1.0, "torch": 1.1}}
            for op in OPERATIONS
        ],
        "accuracy": [
            {"shape": [1000, 8], "ratio": ratio, "error": {"compiled": 1e-7, "numpy": 2e-7}}
            for ratio in (0.0, 1e3, 1e4)
        ],
        "calls": [
            {"path": path, "op": op, "cold_ms": COLD[path], "warm_ms": COLD[path] / 8}
            for path, op in itertools.product(COLD, OPERATIONS)
        ],
        "whitening": {
            "settings": {"samples": 2048, "rounds": 3, "slope_over": [8, 16]}, "d": [4, 8, 16],
            "ms": {"standardize": [0.5, 1.0, 2.0], "eigh": [1.0, 8.0, 64.0]},
            "slope": {"standardize": 1.0, "eigh": 3.0},
        },
        "folding": {
            "settings": {"interval": 0.95},
            "rows": [
                {
                    "batch": batch, "stack": "2 × 16", "ratio": 1.25, "low": 1.2, "high": 1.3,
                    "pairs": 60, "folded_ms": 0.5,
                    "multiply_adds_before": 158720, "multiply_adds_after": 156672,
                }
                for batch in (1, 32)
            ],
        },
    }  # fmt: skip


def row(run: dict[str, Any], op: str, shape: list[int], dtype: str) -> dict[str, Any]:
    """Return the row of the times that is about one case."""
    case = (op, shape, dtype)
    return next(r for r in run["times"] if (r["op"], r["shape"], r["dtype"]) == case)
