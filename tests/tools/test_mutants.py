"""`make mutants`: the copy that mutmut works on, and which survivors need a reason."""

import ast
import json
import tomllib

import mutants
import pytest
from house import ROOT

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
DIFF = """--- bnlib/stats.py
+++ bnlib/stats.py
@@ -1,3 +1,2 @@
 def f(a, b):
-    return (a
-            + b)
+    return (a - b)"""
REASONS = [
    {"why": "The sum is the same.", "where": "bnlib.stats.f",
     "changes": ["return a[0] + b → return b + a[0]", "if a < 2: → *"]},
    {"why": "Only the text of a message.", "wording": True},
]  # fmt: skip
SURVIVORS = [
    ("bnlib.stats.f", "return a[0] + b → return b + a[0]"),
    ("bnlib.stats.f", "if a < 2: → if a != 2:"),
    ("bnlib.stats.g", '"use a larger eps" → "XXuse a larger epsXX"'),
    ("bnlib.stats.g", 'f("a", "use This") → f("a", "use this")'),
]


def test_every_part_has_its_tests_and_every_reason_is_about_code_that_is_there():
    for part in mutants.PARTS:
        paths = [ROOT / name for name in mutants.tests_of(part) if name[0] != "-"]
        assert paths, part
        assert all(path.is_file() or list(path.glob("test_*.py")) for path in paths), part
    reasons = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))
    names = {mutants.place(part).replace("/", ".") for part in mutants.PARTS}
    for reason in reasons["reason"]:
        where = ".".join(reason.get("where", "*").split(".")[:2])
        assert where in {*names, "*", "bnlib.*"}, reason


def test_the_copy_is_made_anew_undecorated_and_names_what_to_change_and_to_run(tmp_path):
    assert mutants.undecorated(SOURCE) == UNDECORATED
    (tmp_path / "old").touch()
    mutants.copy_project("checks.judge", tmp_path)
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    assert settings["only_mutate"] == ["bncourse/checks/judge*"]
    assert "tests/course/test_checks.py" in settings["pytest_add_cli_args_test_selection"]
    copied = {*settings["source_paths"], *settings["also_copy"], "tests", "pyproject.toml"}
    assert {path.name for path in tmp_path.iterdir()} == copied
    for path in (tmp_path / "bnlib").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            assert not isinstance(node, ast.FunctionDef) or not node.decorator_list, path


def test_results_are_counted_by_status(tmp_path):
    (tmp_path / "mutants").mkdir()
    codes = {"bnlib.a.x_f__mutmut_1": 1, "bnlib.a.x_f__mutmut_2": 36}
    text = json.dumps({"exit_code_by_key": codes})
    (tmp_path / "mutants" / "a.py.meta").write_text(text, encoding="utf-8")
    assert mutants.collect(tmp_path) == ({"killed": 1, "timeout": 1}, [])


def test_names_and_changes_are_read_from_mutmut():
    assert mutants.function_of("bnlib.a.x_f__mutmut_3") == "bnlib.a.f"
    assert mutants.function_of("bnlib.a.xǁAǁ_f__mutmut_12") == "bnlib.a.A._f"
    assert mutants.one_line(DIFF) == "return (a + b) → return (a - b)"


@pytest.mark.parametrize(
    ("function", "change"),
    [
        ("bnlib.stats.g", "return a[0] + b → return b + a[0]"),  # another function
        ("bnlib.stats.f", "return a[0] + b → return b - a[0]"),
        ("bnlib.stats.g", '"use a larger eps" → "use a smaller eps"'),
        ("bnlib.stats.g", '"train" → "XXtrainXX"'),  # not a text but a name
        ("bnlib.stats.g", 'f(a, "use this") → f(b, "XXuse thisXX")'),
        ("bnlib.stats.g", 'f("a", "b") → f("A", "b")'),
        ("bnlib.stats.g", 'f("use this", "") → f("use this", )'),
    ],
)
def test_a_survivor_without_a_reason_is_a_fault(function, change):
    assert list(mutants.faults("stats", SURVIVORS, REASONS)) == []
    (fault,) = mutants.faults("stats", [*SURVIVORS, (function, change)], REASONS)
    assert fault == f"{function}: no test finds this and no reason is given: {change}"


def test_a_reason_about_the_module_that_covers_nothing_is_a_fault():
    (fault,) = mutants.faults("stats", [], REASONS)
    assert fault == "bnlib.stats.f: this reason covers nothing: The sum is the same."
    assert list(mutants.faults("stats.merging", [], REASONS)) == []


def test_an_unknown_module_is_refused():
    for name in ("shape", "stats.nothing"):
        with pytest.raises(SystemExit, match=f"or as stats.merging, got {name}"):
            mutants.main([name])
