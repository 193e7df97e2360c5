"""The pinned environment: exact, portable, and within the ranges of pyproject.toml."""

import re
import tomllib
from importlib.metadata import requires

from house import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

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


def line_fault(line: str) -> str | None:
    """Say what is wrong with one line of requirements.txt, if anything is."""
    found = PIN.fullmatch(line)
    if found is None:
        return "expected name==version and no more: no suffix, path, address, hash or option"
    if HARDWARE.search(canonicalize_name(found[1])):
        return "a package for one kind of hardware; torch stands alone"
    return None


def range_fault(requirement: str, pins: dict[str, str]) -> str | None:
    """Say what is wrong with the pin of one requirement, if anything is."""
    wanted = Requirement(requirement)
    pin = pins.get(canonicalize_name(wanted.name))
    if pin is None or not wanted.specifier.contains(pin, prereleases=True):
        return f"{wanted.name}=={pin} is outside {wanted.specifier}; run `make requirements`"
    return None


def test_every_line_is_an_exact_portable_pin():
    assert [(line, fault) for line in LINES if (fault := line_fault(line))] == []
    assert len(PINS) == len(LINES) > 0, "a package is pinned twice"


def test_pins_cover_what_pyproject_asks_for():
    wanted = [*PROJECT["dependencies"], *(text for needs in EXTRAS.values() for text in needs)]
    faults = [fault for text in wanted if (fault := range_fault(text, PINS))]
    assert not faults, f"requirements.txt: {faults}"


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


def test_torch_is_the_version_the_outputs_were_made_with():
    assert PINS["torch"] == "2.13.0"
    assert all(Version(version).local is None for version in PINS.values())


WRONG = [
    "numpy", "numpy>=2.0", "numpy==2.*", "torch==2.13.0+cpu", "numpy==2.4.6 --hash=sha256:00",
    "numpy==2.4.6 ; python_version > '3'", "-e .", "--index" + "-url https://example.org",
    "bnlib @ file:///x/bnlib", "nvidia-cublas-cu12==12.1", "triton==3.0.0",
    "cuda-bindings==12.9",
]  # fmt: skip


def test_wrong_lines_and_wrong_pins_are_found():
    assert [line for line in WRONG if not line_fault(line)] == []
    pins = {"numpy": "2.4.6"}
    assert range_fault("numpy >=2.0", pins) is None
    assert all(
        range_fault(text, pins) for text in ("a", "numpy <2", "numpy >=3", "numpy ==2.4")
    )
