"""A whole run of the benchmark, small, and its command line."""

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import bench_tool
import pytest
import torch
from bench import (
    command,
    folding,
    limits,
    memory,
    parts,
    plan,
    report,
    stacks,
    store,
    suites,
    timing,
    whitening,
)
from bench.candidates import OPERATIONS
from bench_tool import ROOT

SMALL = plan.Plan(
    repetitions=1, names=("torch", "textbook", "numpy"), shapes=((9, 4), (3, 4, 2, 2)),
    series=(("N", ((8, 4, 2, 2), (16, 4, 2, 2))),), accuracy=((64, 4),), memory=((64, 32),),
    streamed=4000, whitening=(4, 8), folding=((stacks.Stack("one block", (2,)), 2),),
    grading=0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    """Let torch compute on one thread: compiled kernels may have woken more."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def plain_loops(monkeypatch):
    """Measure the limit by NumPy: compiling its loops takes seconds."""
    monkeypatch.setattr(plan, "find_loops", lambda: (limits.PLAIN, "NumPy"))


@pytest.fixture(autouse=True)
def no_child(monkeypatch):
    """Let no child process measure memory; for torch say that it could not."""
    held = dict.fromkeys(OPERATIONS, 1.23456)
    monkeypatch.setattr(
        memory, "in_a_child", lambda name, shapes: None if name == "torch" else [held]
    )


def test_many_page_faults_are_told(monkeypatch):
    samples = timing.Samples(2**23, *({("torch", op): [9.0] for op in OPERATIONS},) * 2)
    monkeypatch.setattr(parts, "measure", lambda *_: samples)
    bar = SimpleNamespace(set_description=str, set_postfix_str=str, update=int)
    assert parts.take_times([((8, 4), "float32")], [], None, bar)[1] == []
    samples.faults["torch", "backward"] = [103.0]
    assert len(parts.take_times([((8, 4), "float32")], [], None, bar)[1]) == 1
    samples.faults["torch", "backward"] = [102.0]  # of 2048 pages
    assert parts.take_times([((8, 4), "float32")], [], None, bar)[1] == []
    samples.nbytes, samples.faults["torch", "backward"] = 7_999_999, [2049.0]
    assert parts.take_times([((8, 4), "float32")], [], None, bar)[1] == []
    samples.nbytes = 2**23
    [note] = parts.take_times([((8, 4), "float32")], [], None, bar)[1]
    assert note.startswith("8×4 float32: the times hold up to 2049 page faults a call")


def test_a_row_holds_medians_as_multiples_of_torchs():
    samples = timing.Samples(100)
    for op in OPERATIONS:
        samples.ms["torch", op] = [1.0, 3.0, 9.0]
        samples.ms["compiled", op] = [2.0, 4.00004, 50.0]
    rows = parts.as_rows((5, 5), "float32", samples)
    assert [row["op"] for row in rows] == list(OPERATIONS)
    assert rows[1] == {
        "op": "backward", "shape": [5, 5], "dtype": "float32", "bytes": 100, "repetitions": 3,
        "torch_ms": 3.0, "ratio": {"compiled": 1.333, "torch": 1.0},
    }  # fmt: skip


def test_a_small_run_writes_numbers_figure_and_tables(tmp_path, capsys):
    options = SimpleNamespace(folder=tmp_path / "book", redraw=False, threads=1)
    assert command.main(options, SMALL) == 0
    out, err = capsys.readouterr()
    assert err == ""  # TQDM_DISABLE
    text = (options.folder / store.FILE).read_text(encoding="utf-8")
    run = json.loads(text)["1"]
    assert [len(run[part]) for part in ("times", "growth", "accuracy", "memory")] == [
        12, 3, 3, 9,
    ]  # fmt: skip
    assert {row["repetitions"] for row in run["times"]} == {1}
    assert all(set(row["ratio"]) == {*SMALL.names, "limit"} for row in run["times"])
    assert all(ratio > 0 for row in run["times"] for ratio in row["ratio"].values())
    counted = {row["path"]: (row["traced"], row["resident"]) for row in run["memory"]}
    assert counted["torch"] == (None, None)
    assert counted["numpy"][0] >= 1
    assert counted["numpy"][1] == 1.235
    assert platform.node() not in text.replace("torch", "")
    assert str(ROOT) not in text
    picture = (options.folder / "figures/bench.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    page = (options.folder / report.FRAGMENT).read_text(encoding="utf-8")
    assert "### One thread" in page
    assert "| 9×4 f32 " in page
    assert "nothing to compare with" in out
    again = SimpleNamespace(folder=options.folder, redraw=True, threads=1)
    assert command.main(again) == 0
    assert (options.folder / "figures/bench.png").read_bytes() == picture
    assert (options.folder / report.FRAGMENT).read_text(encoding="utf-8") == page
    assert (options.folder / store.FILE).read_text(encoding="utf-8") == text


def test_the_bar_ends_at_its_end(monkeypatch):
    steps = []

    def bar(total, **options):
        steps.append(-total)
        told = {"set_description": str, "set_postfix_str": str}
        return contextlib.nullcontext(SimpleNamespace(update=lambda: steps.append(1), **told))

    monkeypatch.setattr(plan, "tqdm", bar)
    plan.carry_out(SMALL)
    assert steps == [-15, *[1] * 15]


def test_the_suites_get_their_share_of_the_time(monkeypatch):
    given, told = [], []
    bar = SimpleNamespace(set_description=told.append, set_postfix_str=str, update=int)
    how = timing.Clockwork(seconds=10.0, repetitions=60)
    monkeypatch.setattr(whitening, "measure", lambda d, how, tell: given.append(how))
    monkeypatch.setattr(whitening, "summary", lambda d, samples, how: {"d": d})
    assert suites.take_whitening((4, 8), how, bar) == {"d": (4, 8)}
    monkeypatch.setattr(folding, "measure", lambda s, b, how, tell: given.append(how) or [])
    monkeypatch.setattr(folding, "row", lambda stack, batch, pairs: (stack.name, batch))
    cases = stacks.CASES[:2]
    assert suites.take_folding(cases, how, bar)["rows"] == [
        ("16-16-32-32", 1), ("16-16-32-32", 32),
    ]  # fmt: skip
    assert [(h.seconds, h.repetitions) for h in given] == [(15.0, 60), *[(2.2, 300)] * 2]
    assert told[1:] == [f"folding, 16-16-32-32, batch of {n}" for n in (1, 32)]
    assert suites.take_calls(0, [], how, bar) == []
    assert suites.take_whitening((), how, bar) == suites.take_folding((), how, bar) == {}
    assert len(told) == 3


def test_a_run_is_compared_with_the_one_of_as_many_threads(tmp_path, capsys, monkeypatch):
    old, now = bench_tool.made_up(), bench_tool.made_up(compiled=0.8)
    store.write(tmp_path, {"1": now, "2": old})
    monkeypatch.setattr(command, "carry_out", lambda planned: now)
    command.main(SimpleNamespace(folder=tmp_path, redraw=False, threads=2, seconds=1.0))
    assert "0.4 before, 0.8 now (×2.00)" in capsys.readouterr().out
    assert store.read(tmp_path) == {"1": now, "2": now}
    assert store.measured(tmp_path).is_file()
    command.keep(tmp_path / "other", {"2": now})  # chapters draw the run on one thread
    assert not store.measured(tmp_path / "other").exists()


def test_versions_are_those_of_the_release(monkeypatch):
    known = {"numpy": "2.4.6", "torch": "2.13.0+cpu"}

    def version(package):
        if package not in known:
            raise importlib.metadata.PackageNotFoundError(package)
        return known[package]

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = plan.versions()
    assert found.pop("python") == platform.python_version()
    assert found == {"bnlib": "none", "numpy": "2.4.6", "torch": "2.13.0", "numba": "none"}


def test_the_command_starts_and_sets_the_threads(tmp_path):
    code = (
        "import os, runpy, sys\ntool = sys.argv.pop(1)\n"
        "try: runpy.run_path(tool, run_name='__main__')\n"
        "except SystemExit as end: print(end.code, os.environ['NUMBA_NUM_THREADS'])"
    )
    options = ["--threads", "2", "--redraw", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(bench_tool.TOOL), *options],
        env={**os.environ, "MPLBACKEND": "agg"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "2 2\n"
    assert done.stderr == "bench: no benchmarks.json to draw; run `make bench`\n"
