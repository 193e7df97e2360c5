"""`book/tools/mutants`: the copy that mutmut works on, and what it leaves there."""

import ast
import json
import sys
import tomllib

import pytest
from house import ROOT

sys.path.append(str(ROOT / "book" / "tools"))

from mutants import copying, running

SOURCE = '''
@dataclass
class A:
    @property
    @quiet
    def f(self):
        """Text."""
        return 1

    @staticmethod
    def g():
        return 2

@lru_cache(
    maxsize=2
)
def h(a): return a
'''
UNDECORATED = '''
@dataclass
class A:
    def f(self):
        """Text."""
        return 1
    f = property(quiet(f))

    @staticmethod
    def g():
        return 2

def h(a): return a
h = lru_cache(maxsize=2)(h)
'''
DIFF = """--- bnlib/shapes.py
+++ bnlib/shapes.py
@@ -1,3 +1,2 @@
 def f(a, b):
-    return (a
-            + b)
+    return (a - b)"""


def test_decorators_become_assignments():
    assert copying.undecorated(SOURCE) == UNDECORATED


@pytest.mark.parametrize("module", copying.TESTS)
def test_every_module_has_its_tests(module):
    assert list((ROOT / "bnlib").glob(f"{module}*"))
    for name in copying.TESTS[module]:
        assert list((ROOT / "tests").glob(f"test_{name}.py")), name


def test_every_module_of_bnlib_is_mutated():
    paths = (ROOT / "bnlib").rglob("*.py")
    names = {path.relative_to(ROOT / "bnlib").parts[0].removesuffix(".py") for path in paths}
    assert names - {"__init__"} == {name.partition("/")[0] for name in copying.TESTS}


def test_a_part_that_has_its_own_run_is_left_out_of_the_run_of_the_whole():
    whole, part = (tomllib.loads(copying.settings(it)) for it in ("checks", "checks/exercises"))
    assert whole["tool"]["mutmut"]["do_not_mutate"] == ["bncourse/checks/exercises/*"]
    assert part["tool"]["mutmut"]["only_mutate"] == ["bncourse/checks/exercises*"]
    assert part["tool"]["mutmut"]["do_not_mutate"] == []


def test_the_copy_holds_what_tests_read_besides(tmp_path):
    """The settings name these folders, or mutmut would not pass them on."""
    copying.copy_project("checks/exercises", tmp_path)
    assert (tmp_path / "book/sheets/04_batch_norm.ipynb").stat().st_size
    for name in ("killrate", "browsers"):  # the latter for tests/conftest.py
        assert (tmp_path / f"book/tools/{name}.py").stat().st_size
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
    assert {"book", "chapters", "conftest.py"} == set(settings["tool"]["mutmut"]["also_copy"])


def test_the_copy_has_the_modules_settings_and_keeps_what_is_the_same(tmp_path):
    copying.copy_project("shapes", tmp_path)
    settings = (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    assert 'only_mutate = ["bnlib/shapes*"]\ndo_not_mutate = []\npytest_add_cli' in settings
    assert "test_shapes.py" in settings
    (tmp_path / "tests" / "test_gone.py").touch()
    kept, changed = tmp_path / "bnlib" / "shapes.py", tmp_path / "bnlib" / "train.py"
    ast.parse(kept.read_text(encoding="utf-8"))
    before = kept.stat().st_mtime_ns
    changed.write_text("", encoding="utf-8")
    copying.copy_project("shapes", tmp_path)
    assert kept.stat().st_mtime_ns == before
    assert changed.stat().st_size
    assert not (tmp_path / "tests" / "test_gone.py").exists()


def test_names_and_changes_are_read_from_mutmut():
    assert running.function_of("bnlib.a.x_f__mutmut_3") == "bnlib.a.f"
    assert running.function_of("bnlib.a.xǁAǁ_f__mutmut_12") == "bnlib.a.A._f"
    assert running.one_line(DIFF) == "return (a + b) → return (a - b)"


META = {"a": 0, "b": 1, "c": 36, "d": 0, "e": None}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make up a folder in which mutmut has left its results."""
    meta = tmp_path / "mutants" / "bnlib" / "a.py.meta"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"exit_code_by_key": META}), encoding="utf-8")
    (tmp_path / "mutants" / "mutmut-stats.json").touch()
    monkeypatch.setattr(running, "survivor", lambda folder, meta, name: ["f", name])
    return tmp_path


def test_only_killed_and_explained_mutants_are_not_tried_again(folder):
    running.forget(folder, lambda function, change: change == "d")
    (meta,) = (folder / "mutants").rglob("*.meta")
    codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    assert codes == {"a": None, "b": 1, "c": None, "d": 0, "e": None}
    assert not (folder / "mutants" / "mutmut-stats.json").exists()


def test_results_are_counted_by_status(folder):
    found = running.collect(folder)
    assert found["counts"] == {"killed": 1, "not checked": 1, "survived": 2, "timeout": 1}
    assert found["survivors"] == [["f", "a"], ["f", "d"]]


@pytest.mark.parametrize("code", ["255", "2"])
def test_a_mutant_without_an_answer_is_an_error(folder, code):
    (meta,) = (folder / "mutants").rglob("*.meta")
    meta.write_text(meta.read_text(encoding="utf-8").replace("36", code), encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"1 mutants of .* got no answer from pytest; run"):
        running.collect(folder)
