"""What batch normalization is called, and how it is counted, in five libraries.

``CONVENTIONS`` is the table. `to_torch_momentum` and `from_torch_momentum` translate the
momentum, `convert_state` the arrays of a saved layer.
"""

from bnlib.convert.momentum import from_torch_momentum, to_torch_momentum
from bnlib.convert.state import convert_state
from bnlib.convert.table import CONVENTIONS, Convention, convention

__all__ = [
    "CONVENTIONS",
    "Convention",
    "convention",
    "convert_state",
    "from_torch_momentum",
    "to_torch_momentum",
]
