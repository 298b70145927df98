"""The rooms of the house: what our own modules import of one another, function bodies included."""

import ast
import tomllib
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]


def modules(rooms: Iterable[str]) -> dict[str, str]:
    """The source of each module by its dotted name."""
    files = [file for room in rooms for file in sorted((ROOT / room).rglob("*.py"))]
    names = (".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files)
    return {name: file.read_text() for name, file in zip(names, files, strict=True)}


def imports(source: str) -> Iterator[str]:
    """All that a module imports anywhere in its text; `from a import b` may mean the module a.b, or a's b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not followed here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def circle(sources: dict[str, str]) -> list[str]:
    """A circle of imports, each module imported by the one before it; empty when there is none."""
    arrows = {
        name: {found if found in sources else found.rpartition(".")[0] for found in imports(source)} & sources.keys()
        for name, source in sources.items()
    }
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_circle_of_imports_is_left_among_our_own_modules():
    sources = modules(ROOMS)
    assert {"ml.autoencoder", "search.lookup", "config"} <= sources.keys()
    assert circle(sources) == []


@pytest.mark.parametrize("back", ["import a.one", "from a import one", "from a.one import name"])
def test_an_import_in_the_body_of_a_function_closes_a_circle_too(back):
    sources = {"a": "", "a.one": "from a.two import name", "a.two": f"def name():\n    {back}"}
    assert sorted(set(circle(sources))) == ["a.one", "a.two"]
