"""Install bnlib where it is missing, as on Colab; else do nothing."""

import importlib.util
import subprocess
import sys

REPOSITORY = ""
if importlib.util.find_spec("bnlib") is None and REPOSITORY:
    package = f"bnlib @ git+https://github.com/{REPOSITORY}@v0.1.0"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", package]
    subprocess.run(pip, check=True)
elif importlib.util.find_spec("bnlib") is None:
    print("bnlib is missing: clone the book, run `pip install -e .` there")
