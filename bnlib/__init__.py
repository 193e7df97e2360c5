"""Batch normalization, computed: the code that the book teaches."""

__version__ = "0.1.0"
