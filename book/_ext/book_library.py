"""Document the library and show its source; the files are read, nothing is imported.

A page of `book/api` asks for one module::

    ```{eval-rst}
    .. library:: bnlib.stats
    ```

It gets what the module's ``__all__`` names, with the docstrings as they stand there. The
source comes from `sphinx.ext.viewcode`, which asks this file where it is. Below a chapter's
cell with a tag such as ``bnlib:stats.combine`` stands a link to that source.
"""

import ast
import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import only
from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import NumpyDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

ROOT = Path(__file__).resolve().parents[2]
ASKED = re.compile(r"^\.\. library:: (\S+)$", re.MULTILINE)
STAR = re.compile(r"\*(?=spatial)")  # (N, C, *spatial) opens no emphasis
NAME = re.compile(r"`([^`]+)`")
TAG = "bnlib:"
Definition = ast.FunctionDef | ast.ClassDef
logger = logging.getLogger(__name__)


def source_path(module: str) -> Path:
    """Return the file of a module, or of a package its ``__init__``."""
    place = ROOT.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@cache
def tree(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(source_path(module).read_text(encoding="utf-8"))


@cache
def definitions(module: str) -> dict[str, Definition]:
    """Return the functions and classes that stand in a module's own file."""
    return {node.name: node for node in tree(module).body if isinstance(node, Definition)}


@cache
def imported(module: str) -> dict[str, str]:
    """Return where a module has its names from."""
    lines = (node for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom))
    return {alias.name: node.module for node in lines if node.module for alias in node.names}


def origin(module: str, name: str) -> str | None:
    """Return the module in whose file a name is defined, which may be one of a package's."""
    if name in definitions(module):
        return module
    if name in imported(module):
        source = imported(module)[name]
        return origin(source, name) if source_path(source).is_file() else None
    files = sorted(ROOT.joinpath(*module.split(".")).glob("[!_]*.py"))
    inside = (f"{module}.{file.stem}" for file in files)
    return next((place for place in inside if name in definitions(place)), None)


@cache
def public(module: str) -> dict[str, str]:
    """Return the public functions and classes, and where they stand, in the files' order."""
    listed = [n.value for n in tree(module).body
              if isinstance(n, ast.Assign) and ast.unparse(n.targets) == "__all__"]  # fmt: skip
    names = ast.literal_eval(listed[0]) if listed else definitions(module)
    places = ((name, origin(module, name)) for name in names if name[0] != "_")
    kept = [(place, definitions(place)[name].lineno, name) for name, place in places if place]
    return {name: place for place, _, name in sorted(kept)}


@cache
def documented() -> list[str]:
    """Return the modules that have a page."""
    pages = sorted((ROOT / "book" / "api").glob("*.md"))
    return [name for page in pages for name in ASKED.findall(page.read_text(encoding="utf-8"))]


def signature(function: ast.FunctionDef, bound: bool = False) -> str:
    """Return the arguments without types; without the first, if it is bound."""
    given = copy.deepcopy(function.args)
    for argument in ast.walk(given):
        argument.annotation = None
    if bound:
        del (given.posonlyargs or given.args)[0]
    return f"({ast.unparse(given)})"


def constructor(module: str, node: ast.ClassDef) -> str:
    """Return the arguments that make an object: of ``__init__``, inherited too, or fields."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return signature(part, bound=True)
    marks = map(ast.unparse, (*node.decorator_list, *node.bases))
    if any(re.match("dataclass|NamedTuple", mark) for mark in marks):
        fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
        texts = [ast.unparse(f.target) + (f"={ast.unparse(f.value)}" if f.value else "")
                 for f in fields]  # fmt: skip
        return f"({', '.join(texts)})"
    for base in map(ast.unparse, node.bases):
        place = origin(module, base)
        if place and isinstance(parent := definitions(place)[base], ast.ClassDef):
            return constructor(place, parent)
    return ""


def reference(module: str, text: str) -> str:
    """Return a link to a documented name, or the name as a literal."""
    if text in documented():
        return f":py:mod:`{text}`"
    holder, _, name = text.rpartition(".")
    for place in [holder] if holder else [module, *documented()]:
        if place in documented() and name in public(place):
            return f":py:obj:`{text} <{place}.{name}>`"
    return f"``{text}``"


def marked(module: str, line: str) -> str:
    """Return a line of a docstring, written for `help()`, as reStructuredText."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = line.split("``")
    if re.match(r"[\w, *]+ : ", line):  # a parameter and its type, which napoleon marks
        parts[::2] = [part.replace("`", "") for part in parts[::2]]
    parts[::2] = [NAME.sub(lambda match: reference(module, match[1]), STAR.sub(r"\\*", part))
                  for part in parts[::2]]  # fmt: skip
    return "``".join(parts)


def heading(place: str, node: Definition, inside: bool) -> tuple[str, str]:
    """Return what a definition is to Sphinx's domain, and the arguments to show."""
    if isinstance(node, ast.ClassDef):
        return "exception" if node.name.endswith("Error") else "class", constructor(place, node)
    marks = set(map(ast.unparse, node.decorator_list))
    if "property" in marks:
        return "property", ""
    kind = "method" if inside else "function"
    return kind, signature(node, bound=inside and "staticmethod" not in marks)


class Library(SphinxDirective):
    """The documentation of one module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the module as directives of Sphinx's Python domain, and parse them."""
        module = self.arguments[0]
        lines = [f".. py:module:: {module}", "", *self.text("module", tree(module))]
        for name, place in public(module).items():
            self.env.note_dependency(str(source_path(place)))
            lines += self.entry(place, definitions(place)[name])
        box = nodes.section(document=self.state.document)
        self.state.nested_parse(StringList(lines, source=module), 0, box)
        return box.children

    def text(self, kind: str, node: ast.Module | Definition) -> Iterator[str]:
        """Yield the lines of a docstring."""
        module = self.arguments[0]
        lines = [marked(module, line) for line in (ast.get_docstring(node) or "").splitlines()]
        name = getattr(node, "name", module)
        yield from NumpyDocstring(lines, self.config, self.env.app, kind, name).lines()
        yield ""

    def entry(self, place: str, node: Definition, inside: bool = False) -> Iterator[str]:
        """Yield a directive with the docstring of a definition, and a class's methods."""
        kind, arguments = heading(place, node, inside)
        yield f".. py:{kind}:: {node.name}{arguments}"
        marks = set(map(ast.unparse, node.decorator_list))
        yield from (f"   :{mark}:" for mark in marks & {"classmethod", "staticmethod"})
        below = ["", *self.text(kind, node)]
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(part, ast.FunctionDef) and part.name[0] != "_":
                below += self.entry(place, part, inside=True) if ast.get_docstring(part) else ()
        yield from ("   " + line for line in below)


def find_source(app: Sphinx, module: str) -> tuple[str, dict[str, Any]] | None:
    """Give viewcode the text of a module and the lines of its definitions."""
    if not source_path(module).is_file():
        return None
    analyzer = ModuleAnalyzer.for_file(str(source_path(module)), module)
    return analyzer.code, analyzer.find_tags()


def tagged(tag: str) -> tuple[str, str] | None:
    """Return the module and the name that a tag such as ``bnlib:stats.combine`` means."""
    parts = tag.replace(":", ".").split(".")
    for length in range(len(parts) - 1, 1, -1):
        module = ".".join(parts[:length])
        if source_path(module).is_file() and (place := origin(module, parts[length])):
            return place, ".".join(parts[length:])
    return None


def source_link(page: str, tag: str) -> nodes.Node:
    """Return a link from a page to what a tag means; a name that means nothing gets none."""
    shown = nodes.literal("", tag.replace(":", "."))
    if not (place := tagged(tag)):
        return shown
    module, name = place
    address = f"{'../' * page.count('/')}_modules/{module.replace('.', '/')}.html#{name}"
    return nodes.reference("", "", shown, refuri=address, internal=True)


class Source(SphinxRole):
    """A link to the source of ``functional.batch_norm_train``, say."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link; warn where there is no such name."""
        link = source_link(self.env.docname, TAG + self.text)
        if isinstance(link, nodes.literal):
            logger.warning("no source of bnlib.%s", self.text, location=self.get_location())
        return [link], []


def link_back(app: Sphinx, tag: str) -> list[str]:
    """Let the source of what a cell builds, where no page documents it, lead to the cell.

    Return the ids that the link back asks for. The pages of `book/api` were read before.
    """
    if not (place := tagged(tag)):
        return []
    module, name = place
    modules = app.env._viewcode_modules  # type: ignore[attr-defined]
    _, _, used, above = modules.setdefault(module, (*find_source(app, module), {}, module))
    first = used.setdefault(name, app.env.docname) == app.env.docname
    return [f"{above}.{name}"] if first else []


def link_back_to_names(app: Sphinx, env: Any) -> None:
    """Let a source lead to the page of the name: viewcode takes the last that shows it."""
    objects = env.get_domain("py").objects
    for _, _, used, above in filter(None, getattr(env, "_viewcode_modules", {}).values()):
        there = {name: objects.get(f"{above}.{name}") for name in used}
        used.update({name: place.docname for name, place in there.items() if place})


def link_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Set below each tagged cell links to its source; on the site alone."""
    for cell in list(doctree.findall(nodes.container)):
        tags = (cell.get("cell_metadata") or {}).get("tags", [])
        if tags := [tag for tag in tags if tag.startswith(TAG)]:
            line = nodes.paragraph("", "In the library: ", classes=["book-source"])
            for tag in tags:
                line["ids"] += link_back(app, tag)
                line += [source_link(app.env.docname, tag), nodes.Text(" ")]
            cell.parent.insert(cell.parent.index(cell) + 1, only("", line, expr="builder_html"))


def setup(app: Sphinx) -> dict:
    """Add the directive, the answers to viewcode, and the links below cells."""
    for name in ("sphinx.ext.napoleon", "sphinx.ext.viewcode"):
        app.setup_extension(name)
    app.add_directive("library", Library)
    app.add_role("source", Source())
    app.connect("viewcode-find-source", find_source)
    app.connect(
        "viewcode-follow-imported", lambda _, module, n: origin(module, n.split(".")[0])
    )
    app.connect("doctree-read", link_cells)
    app.connect("env-updated", link_back_to_names)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
