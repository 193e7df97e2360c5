"""The workflows call targets that exist, write nowhere but to Pages, and publish on demand."""

import re
import tomllib

import pytest
import yaml
from house import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# YAML 1.1 reads the key `on` as true.
FLOWS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
JOBS = {(file, name): job for file, flow in FLOWS.items() for name, job in flow["jobs"].items()}
BOOK = FLOWS["book.yml"]["jobs"]
ON_DEMAND = "github.event_name == 'push' && vars.PUBLISH == 'true'"
each_job = pytest.mark.parametrize("job", JOBS.values(), ids=map("/".join, JOBS))


def commands(job):
    """Return the commands of a job in order."""
    return [step["run"].strip() for step in job["steps"] if "run" in step]


@each_job
def test_make_targets_exist(job):
    targets = set(re.findall(r"(?m)^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8")))
    wanted = {word for run in commands(job) for word in re.findall(r"\bmake ([a-z-]+)", run)}
    assert wanted <= targets


@each_job
def test_actions_have_a_version_and_come_from_github(job):
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", name)] == []


def test_nothing_may_write_but_the_job_that_publishes():
    assert [flow["permissions"] for flow in FLOWS.values()] == [{"contents": "read"}] * 2
    writing = [key for key, job in JOBS.items() if "permissions" in job]
    assert writing == [("book.yml", "publish")]
    assert BOOK["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert commands(BOOK["publish"]) == []


def test_a_push_is_published_after_all_checks_and_only_on_demand():
    assert BOOK["publish"]["needs"] == ["book", "check"]
    assert BOOK["publish"]["if"] == ON_DEMAND
    made = re.findall(r"(?m)^make (.+)$", "\n".join(commands(BOOK["book"])))
    assert made == ["lint", "live", "test", "coverage", "pdf", "book"]
    [live] = [s for s in BOOK["book"]["steps"] if "make live" in s.get("run", "")]
    assert (
        live["continue-on-error"]
        == "${{ github.event_name != 'push' || vars.PUBLISH != 'true' }}"
    )
    [pages] = [s for s in BOOK["book"]["steps"] if "pages" in s.get("uses", "")]
    assert (pages["if"], pages["with"]["path"]) == (ON_DEMAND, "_build/html")


def test_links_are_asked_by_the_clock_and_not_by_a_push():
    assert set(FLOWS["links.yml"][True]) == {"schedule", "workflow_dispatch"}
    assert commands(FLOWS["links.yml"]["jobs"]["links"]) == ["make links"]


def test_the_code_is_checked_on_every_python_that_it_names():
    job = BOOK["check"]
    assert commands(job) == ["make check"]
    versions = job["strategy"]["matrix"]["python"]
    least = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert versions[0] == least["requires-python"].removeprefix(">=")
    assert versions == sorted(versions, key=lambda v: int(v.split(".")[1]))
    assert len(versions) >= 3
