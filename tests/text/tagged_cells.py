"""Compare the cells tagged `bnlib:module.name` with the library, as syntax trees."""

import ast
from collections.abc import Callable, Iterator

from house import ROOT, as_taught

Definition = ast.FunctionDef | ast.ClassDef


def library_source(module: str) -> str:
    """Return the source of `bnlib.<module>`; of a package, that of all its files."""
    path = ROOT.joinpath("bnlib", *module.split("."))
    files = [path.with_suffix(".py"), *path.glob("*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


def definitions(body: list[ast.stmt]) -> dict[str, Definition]:
    """Return the functions and classes that a block defines, by name."""
    return {node.name: node for node in body if isinstance(node, Definition)}


def resolve(source: str, path: list[str]) -> Definition | None:
    """Return the definition with the dotted name ``path`` in a module's source."""
    body = ast.parse(source).body
    node = None
    for name in path:
        node = definitions(body).get(name)
        if node is None:
            return None
        body = node.body
    return node


def tag_faults(
    source: str, tags: list[str], library: Callable[[str], str] = library_source
) -> Iterator[str]:
    """Yield what is wrong with one cell's `bnlib:` tags.

    The cell may hold nothing but the tagged functions and classes. Names, defaults and
    decorators count; docstrings, comments, layout and type annotations do not.
    """
    ours = [tag.removeprefix("bnlib:") for tag in tags if tag.startswith("bnlib:")]
    if not ours:
        return
    here = definitions(as_taught(ast.parse(source)).body)
    for dotted in ours:
        module, *path = dotted.split(".")
        while len(path) > 1 and library(f"{module}.{path[0]}"):  # a file of a package
            module, path = f"{module}.{path[0]}", path[1:]
        there = resolve(library(module), path)
        if there is None:
            yield f"tag bnlib:{dotted} names nothing in bnlib"
        elif path[-1] not in here:
            yield f"has the tag bnlib:{dotted} but does not define {path[-1]}"
        elif ast.dump(here[path[-1]]) != ast.dump(as_taught(there)):
            yield f"{path[-1]} differs from bnlib.{dotted}, docstrings and types aside"
    untagged = set(here) - {dotted.split(".")[-1] for dotted in ours}
    if untagged or len(ast.parse(source).body) != len(here):
        yield f"holds more than {', '.join(ours)}; give a tagged cell the tagged code alone"
