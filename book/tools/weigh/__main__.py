"""Weigh the pages: `python book/tools/weigh`."""

import sys
from pathlib import Path

# The package's own folder stands first on the path; what is meant is the one above.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from weigh.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
