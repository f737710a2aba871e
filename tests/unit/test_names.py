"""A public class or type alias has one name, and the name has one meaning in the whole package."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import tocsin

ROOT = Path(tocsin.__path__[0])


def names_of_types(module: ast.Module) -> Iterator[str]:
    """Public classes and aliases, without results of calls such as `T = TypeVar("T")`."""
    for node in module.body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not name.isupper():
                if isinstance(value, ast.Call):
                    continue
            case _:
                continue
        if name[0].isupper():
            yield name


def test_a_public_type_name_is_defined_in_one_module() -> None:
    modules = defaultdict[str, set[str]](set)
    for path in ROOT.rglob("*.py"):
        for name in names_of_types(ast.parse(path.read_text("utf-8"))):
            modules[name].add(str(path.relative_to(ROOT)))
    duplicates = {name: sorted(paths) for name, paths in modules.items() if len(paths) > 1}
    assert duplicates == {}
