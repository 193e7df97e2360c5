"""Install bnlib on Colab; where it is installed already, do nothing."""

import importlib.util
import subprocess
import sys

REPOSITORY = ""
if importlib.util.find_spec("bnlib") is None:
    package = f"bnlib[data] @ git+https://github.com/{REPOSITORY}@v0.1.0"
    if not REPOSITORY:
        print("bnlib is missing: clone the book, run `make lab` there")
    elif "google.colab" not in sys.modules:
        print(f'bnlib is missing: run `pip install "{package}"`')
    else:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", package]
        subprocess.run(pip, check=True)
