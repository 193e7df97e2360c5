"""Weigh the pages of the book beside those of a stock Jupyter Book build."""
