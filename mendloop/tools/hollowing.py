"""Empties a program that has just been loaded: its names stay, and what they did is gone.

Its text runs in the sandbox behind the program (mendloop.tools.hollow), so it imports nothing of this package. Emptying
the loaded module rather than its text keeps what only exists when it runs: tables that its functions made, decorated
functions, methods that a dataclass was given.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, MutableMapping

MOST_CALLS = 10_000
"""So many calls without an error, then one: a test that waits for a hollow program to finish comes to an end."""


class Placeholder:
    """What the functions of a filled hollow program return: true, equal to itself alone, and without attributes."""


class HollowError(Exception):
    """A test calls a hollow program again and again."""


def hollow(program: MutableMapping[str, object], *, filled: bool) -> None:
    """Empty the functions, methods and classes of a module's namespace.

    They then return None, or a fresh placeholder where `filled`; its constants become placeholders there too, so that
    a test of a constant passes in one of the two at most. Methods with a fixed type give a value of that type.
    """
    emptied = _Emptied(str(program.get("__name__")), filled)
    for name, value in list(program.items()):
        if not _is_dunder(name):
            program[name] = emptied.of(value)


class _Emptied:
    def __init__(self, module: str, filled: bool) -> None:
        self._module = module
        self._filled = filled
        self._calls = 0

    def of(self, value: object) -> object:
        """Return what stands for a value of the module or of one of its classes."""
        if isinstance(value, type):
            return self._class(value) if value.__module__ == self._module else value
        if isinstance(value, types.ModuleType):
            return value
        if callable(value) and type(value).__module__ != self._module:
            return self._function(value, self._nothing)
        return Placeholder() if self._filled else value

    def _class(self, whole: type) -> type:
        """Empty a class in place; one that cannot be emptied, or has nothing to empty, becomes a bare one."""
        changed = False
        for name, value in list(vars(whole).items()):
            stand_in = self._member(name, value)
            if stand_in is value:
                continue
            try:
                setattr(whole, name, stand_in)
            except (AttributeError, TypeError):
                return self._bare(whole)
            changed = True
        return whole if changed or not self._filled else self._bare(whole)

    def _bare(self, whole: type) -> type:
        base = Exception if issubclass(whole, BaseException) else object
        return type(whole.__name__, (base,), {"__init__": self._function(whole, _none)})

    def _member(self, name: str, value: object) -> object:
        if name in _KEPT or (_is_dunder(name) and not isinstance(value, types.FunctionType)):
            return value
        if isinstance(value, staticmethod):
            return staticmethod(self._function(value.__func__, self._nothing))
        if isinstance(value, classmethod):
            return classmethod(self._function(value.__func__, self._nothing))
        if isinstance(value, types.FunctionType):
            return self._function(value, self._fixed(name))
        if hasattr(type(value), "__get__"):
            return property(self._function(value, self._nothing))
        return self.of(value)

    def _fixed(self, name: str) -> Callable[[], object]:
        """Return what gives the value of a method: of the one type that Python takes, for those that have one."""
        give = _FIXED.get(name)
        return self._nothing if give is None else lambda: give(self._filled)

    def _nothing(self) -> object:
        return Placeholder() if self._filled else None

    def _function(self, function: object, give: Callable[[], object]) -> Callable[..., object]:
        def stand_in(*_: object, **__: object) -> object:
            self._count()
            return give()

        async def awaited(*_: object, **__: object) -> object:
            return stand_in()

        return awaited if inspect.iscoroutinefunction(function) else stand_in

    def _count(self) -> None:
        self._calls += 1
        if self._calls > MOST_CALLS:
            self._calls = 0
            raise HollowError("the test does not come to an end with a hollow program")


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _none(*_: object, **__: object) -> None:
    return None


def _ended(filled: bool) -> object:
    raise StopIteration


_KEPT = frozenset({"__new__", "__getattribute__", "__class_getitem__", "__init_subclass__"})
_FIXED: dict[str, Callable[[bool], object]] = {
    **dict.fromkeys(("__init__", "__post_init__", "__del__", "__set__", "__set_name__"), _none),
    **dict.fromkeys(("__setattr__", "__delattr__", "__setitem__", "__delitem__", "__exit__", "__aexit__"), _none),
    **dict.fromkeys(("__len__", "__hash__", "__index__", "__int__", "__length_hint__"), int),
    **dict.fromkeys(("__repr__", "__str__", "__format__"), lambda filled: "placeholder" if filled else ""),
    "__bool__": bool,
    "__float__": float,
    "__iter__": lambda filled: iter([Placeholder()] if filled else []),
    "__next__": _ended,
}
