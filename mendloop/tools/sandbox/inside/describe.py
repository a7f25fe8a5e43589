"""Exceptions of a program as JSON text: name, nearest built-in base, message, last line in the program itself."""

from __future__ import annotations

import builtins
from types import TracebackType

from .encode import quote

__builtins__ = dict(vars(builtins))  # type: ignore[assignment]  # a dict serves as well as a module

FILENAME = "<solution>"
MAX_MESSAGE = 2_000
MAX_NAME = 200

_type_mro = type.__dict__["__mro__"].__get__
_type_name = type.__dict__["__name__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
_BUILTIN = {
    id(cls): name
    for name, cls in vars(builtins).items()
    if type(cls) is type and issubclass(cls, BaseException) and cls.__name__ == name
}


def describe(error: BaseException) -> str:
    """Return the JSON object of an exception as mendloop.executions.Raised has it."""
    kind = type(error)
    builtin = id(kind) in _BUILTIN
    base = next((_BUILTIN[id(cls)] for cls in _type_mro(kind) if id(cls) in _BUILTIN), "BaseException")
    line = _last_line(error)
    name = _type_name(kind)[:MAX_NAME]
    return (
        f'{{"type":{_text(name)},"base":{quote(base)},"builtin":{"true" if builtin else "false"},'
        f'"message":{_text(_message(error))},"line":{"null" if line is None else line}}}'
    )


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:
        return "<no message: str() failed>"
    return str.__str__(text)[:MAX_MESSAGE] if type(text) is str else "<no message: str() gave a subclass>"


def _text(text: str) -> str:
    return quote(text.encode("utf-8", "backslashreplace").decode())


def _last_line(error: BaseException) -> int | None:
    line = None
    step: TracebackType | None = _traceback(error)
    while step is not None:
        if step.tb_frame.f_code.co_filename == FILENAME:
            line = step.tb_lineno
        step = step.tb_next
    kind = type(error)
    if line is None and id(kind) in _BUILTIN and issubclass(kind, SyntaxError):
        return _syntax_line(error)  # type: ignore[arg-type]  # exactly a built-in syntax error
    return line


def _syntax_line(error: SyntaxError) -> int | None:
    return error.lineno if error.filename == FILENAME and type(error.lineno) is int else None
