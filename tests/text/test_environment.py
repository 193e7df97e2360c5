"""The pinned environment: exact, portable, and within the ranges of pyproject.toml."""

import re
import tomllib
from importlib.metadata import requires

import pytest
from house import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!-]+)")
HARDWARE = re.compile(r"nvidia|cuda|cudnn|cublas|triton|rocm|(?:^|-)cu\d\d")
EXTRAS = ("torch", "fast", "data", "book", "lab", "onnx", "instructor", "dev")
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


def requirement_lines() -> list[str]:
    """Return the lines of requirements.txt that are not comments."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def project() -> dict:
    """Return the table [project] of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


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
    if pin is None:
        return f"{wanted.name} is not pinned; run `make requirements`"
    if not wanted.specifier.contains(pin, prereleases=True):
        return f"{wanted.name}=={pin} is outside {wanted.specifier}; run `make requirements`"
    return None


def pins() -> dict[str, str]:
    """Return the pinned versions by canonical name."""
    found = [PIN.fullmatch(line) for line in requirement_lines()]
    return {canonicalize_name(match[1]): match[2] for match in found if match}


@pytest.mark.parametrize("line", requirement_lines())
def test_line_is_an_exact_portable_pin(line):
    fault = line_fault(line)
    assert fault is None, f"requirements.txt, {line!r}: {fault}"


def test_no_package_is_pinned_twice():
    assert len(pins()) == len(requirement_lines()) > 0


@pytest.mark.parametrize("extra", ["dependencies", *EXTRAS])
def test_pins_cover_what_pyproject_asks_for(extra):
    table = project()
    wanted = table["optional-dependencies"].get(extra) or table[extra]
    faults = [fault for text in wanted if (fault := range_fault(text, pins()))]
    assert not faults, f"requirements.txt: {faults}"


def test_nbgrader_is_for_instructors_alone():
    """The pinned environment has it, for the tests; no reader's installation does."""
    extras = project()["optional-dependencies"]
    assert [name for name, needs in extras.items() if "nbgrader" in str(needs)] == [
        "instructor"
    ]


def test_bnlib_depends_on_numpy_only():
    assert [Requirement(text).name for text in project()["dependencies"]] == ["numpy"]


def test_extras_are_the_documented_ones():
    assert set(project()["optional-dependencies"]) == set(EXTRAS)


def needed(extra: str) -> set[str]:
    """Return the names of all packages that an extra installs, as far as they are here."""
    texts, names = (
        [*project()["optional-dependencies"][extra], *project()["dependencies"]],
        set(),
    )
    while texts:
        wanted = Requirement(texts.pop())
        name = canonicalize_name(wanted.name)
        if name not in names and (
            wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        ):
            names.add(name)
            texts += requires(name) or []
    return names


def test_building_the_site_needs_nothing_heavy():
    assert needed("book") & HEAVY == set()
    assert needed("lab") >= {"torch", "jupyterlab", "matplotlib"}


def test_torch_is_the_version_the_outputs_were_made_with():
    assert pins()["torch"] == "2.13.0"
    assert all(Version(version).local is None for version in pins().values())


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=2.0",
        "numpy==2.*",
        "torch==2.13.0+cpu",
        "numpy==2.4.6 --hash=sha256:00",
        "numpy==2.4.6 ; python_version > '3'",
        "-e .",
        "--index" + "-url https://example.org",
        "bnlib @ file:///x/bnlib",
        "nvidia-cublas-cu12==12.1",
        "triton==3.0.0",
        "cuda-bindings==12.9",
    ],
)
def test_a_wrong_line_is_found(line):
    assert line_fault(line)


@pytest.mark.parametrize("requirement", ["absent", "numpy <2", "numpy >=3", "numpy ==2.4.5"])
def test_a_wrong_pin_is_found(requirement):
    assert range_fault("numpy >=2.0", {"numpy": "2.4.6"}) is None
    assert range_fault(requirement, {"numpy": "2.4.6"})
