"""Make plain `pytest` equal to `make test`, whatever part of the book it collects.

This file stands at the root because a run on `chapters/` alone would not load
`tests/conftest.py`. pytest loads it before any test module, so before NumPy.
"""

import os

from hypothesis import HealthCheck, settings

# Answers for `make killrate` are no tests, and the sheets that readers open no solutions.
collect_ignore_glob = ["tests/course/answers/*.py", "chapters/exercises/*.ipynb"]

# One thread: a sum in another order is another number. The kernels that run the
# chapters are child processes, and inherit all of this.
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "PYTHONHASHSEED": "0",
}
for name, value in SETTINGS.items():
    os.environ.setdefault(name, value)

# The same examples on every run, however slow the machine is.
RANDOM = {
    "derandomize": True,
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("book", **RANDOM)
# A quarter of the examples, for `pytest --hypothesis-profile=quick`.
settings.register_profile("quick", max_examples=25, **RANDOM)
settings.load_profile("book")
