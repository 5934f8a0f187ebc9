"""Names that are loaded when they are first asked for: an import is quick, and heavy packages wait until needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    namespace: dict[str, Any], where: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose names stand in the files that `where` lists.

    namespace  `globals()` of the package
    where      file, relative to the package → the names that it defines
    """
    package = namespace["__name__"]
    home = {name: file for file, names in where.items() for name in names}
    public = sorted(home)

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        namespace[name] = value = getattr(import_module(f".{home[name]}", package), name)
        return value

    return get, lambda: public, public
