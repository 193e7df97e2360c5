"""Find the Chromium that tools and tests work with."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """Return the path of a Chromium: ``CHROMIUM``, or one on the search path."""
    named = os.environ.get("CHROMIUM")
    path = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise FileNotFoundError(
            f"expected a Chromium, found {named or 'none'}; install it "
            "(Debian: apt-get install chromium) or set CHROMIUM=/path/to/chromium"
        )
    return path
