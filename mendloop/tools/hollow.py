"""Hollow programs: a program's names without what it does. A test that they pass tests nothing of the program."""

from __future__ import annotations

import ast
import inspect
import warnings

from mendloop.tools import hollowing


def hollow_programs(code: str) -> tuple[str, ...]:
    """Return a program whose functions and methods return None, and one in which each returns a fresh placeholder.

    Both load as the program does, and every name of its module can be imported from them. None for a text that is no
    Python.
    """
    if not _is_python(code):
        return ()
    return tuple(f"{code}\n{_emptying(filled)}\n" for filled in (False, True))


def _emptying(filled: bool) -> str:
    """Return the line that empties the module at whose end it stands, and leaves no name of its own there."""
    text = f"{inspect.getsource(hollowing)}\nhollow(program, filled={filled})\n"
    return f"exec({text!r}, {{'__name__': 'hollow', 'program': globals()}})"


def _is_python(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
