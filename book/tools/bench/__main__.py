"""Run the benchmark: `python book/tools/bench`."""

import os
import sys
from pathlib import Path

# The package's own folder stands first on the path; what is meant is the one above.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.options import parse  # noqa: E402

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

if __name__ == "__main__":
    options = parse()
    for variable in THREADS:  # read when NumPy, torch and numba are imported
        os.environ[variable] = str(options.threads)
    from bench.command import main

    sys.exit(main(options))
