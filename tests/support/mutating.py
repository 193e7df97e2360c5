"""Loaded where mutmut runs tests, see book/tools/mutants.py: pytest and hypothesis suit it."""

import sys
import warnings

from _pytest.python import IdMaker
from hypothesis import Phase, settings

# No shrinking, since one failure is enough; plain ids, which pytest finds again.
PHASES = [Phase.explicit, Phase.generate]
settings.register_profile("mutants", settings.get_profile("book"), phases=PHASES)
IdMaker.make_unique_parameterset_ids = lambda self: [
    str(number) for number in range(len(self.parametersets))
]
original = warnings.warn


def warn(message, category=None, stacklevel=1):
    """Warn at the place that is meant: mutmut adds frames."""
    frame, level = sys._getframe(), 1
    while stacklevel and frame.f_back:
        frame, level = frame.f_back, level + 1
        stacklevel -= "trampoline" not in frame.f_code.co_filename
    original(message, category, stacklevel=level)


warnings.warn = warn
