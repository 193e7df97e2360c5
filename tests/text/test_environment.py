"""The pinned environment: exact, portable, and within the ranges of pyproject.toml."""

import re
import tomllib
from importlib.metadata import requires

from house import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!-]+)")
HARDWARE = re.compile(r"nvidia|cuda|cudnn|cublas|triton|rocm|(?:^|-)cu\d\d")
HEAVY = {
    "torch",
    "numba",
    "nbgrader",
    "keras",
    "onnx",
    "playwright",
    "jupyterlab",
    "matplotlib",
}
LINES = [line for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()
         if line.strip() and not line.lstrip().startswith("#")]  # fmt: skip
PINS = {canonicalize_name(m[1]): m[2] for m in map(PIN.fullmatch, LINES) if m}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def is_exact_and_portable(line: str) -> bool:
    """Say whether a line is name==version and no more, of no package for one hardware."""
    pin = PIN.fullmatch(line)
    return pin is not None and not HARDWARE.search(canonicalize_name(pin[1]))


def test_every_line_is_an_exact_portable_pin():
    assert [line for line in LINES if not is_exact_and_portable(line)] == []
    assert len(PINS) == len(LINES) > 0, "a package is pinned twice"
    wrong = ["numpy", "numpy>=2.0", "torch==2.13.0+cpu", "numpy==2.4.6 --hash=sha256:00",
             "nvidia-cublas-cu12==12.1", "triton==3.0.0"]  # fmt: skip
    assert not any(map(is_exact_and_portable, wrong))


def test_pins_are_in_the_ranges_of_pyproject():
    wanted = [*PROJECT["dependencies"], *(text for needs in EXTRAS.values() for text in needs)]
    for wish in map(Requirement, wanted):
        pin = PINS[canonicalize_name(wish.name)]
        assert wish.specifier.contains(pin, prereleases=True), f"{wish}: `make requirements`"


def test_bnlib_depends_on_numpy_and_nbgrader_is_for_instructors_alone():
    """The pinned environment has nbgrader, for the tests; no reader's installation does."""
    assert [Requirement(text).name for text in PROJECT["dependencies"]] == ["numpy"]
    assert [n for n, needs in EXTRAS.items() if "nbgrader" in str(needs)] == ["instructor"]


def needed(extra: str) -> set[str]:
    """Return the names of all packages that an extra installs, as far as they are here."""
    texts, names = [*EXTRAS[extra], *PROJECT["dependencies"]], set()
    while texts:
        wanted = Requirement(texts.pop())
        name = canonicalize_name(wanted.name)
        asked = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if asked and name not in names:
            names.add(name)
            texts += requires(name) or []
    return names


def test_building_the_site_needs_nothing_heavy():
    assert needed("book") & HEAVY == set()
    assert needed("lab") >= {"torch", "jupyterlab", "matplotlib"}
