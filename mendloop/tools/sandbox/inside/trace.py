"""The executed lines of the program itself, with the locals that changed, for diagnoses."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from .describe import FILENAME
from .encode import quote

__builtins__ = dict(vars(builtins))  # type: ignore[assignment]  # a dict serves as well as a module

MAX_STEPS = 2_000
MAX_REPR = 80
_SCALARS = (type(None), bool, int, float, complex, str, bytes)
_CONTAINERS = (list, tuple, dict, set, frozenset)

Tracer = Callable[[FrameType, str, Any], Any]


class Recorder:
    """Collects steps as JSON texts while it is installed by `start`; `stop` returns them."""

    def __init__(self) -> None:
        self._steps: list[str] = []
        self._seen: dict[FrameType, dict[str, str]] = {}
        self._depth = 0

    def start(self) -> None:
        """Record from now on, in this thread."""
        sys.settrace(self._enter)

    def stop(self) -> str:
        """Stop, and return the JSON array of the steps."""
        sys.settrace(None)
        self._seen.clear()
        return f"[{','.join(self._steps)}]"

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Tracer | None:
        if frame.f_code.co_filename != FILENAME or len(self._steps) >= MAX_STEPS:
            return None
        self._depth += 1
        self._seen.setdefault(frame, {})
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Tracer | None:
        if event == "line" and len(self._steps) < MAX_STEPS:
            self._record(frame)
        elif event == "return":
            self._depth -= 1
            self._seen.pop(frame, None)
        return self._step

    def _record(self, frame: FrameType) -> None:
        seen = self._seen.setdefault(frame, {})
        module_level = frame.f_locals is frame.f_globals
        now = {} if module_level else {name: brief(value) for name, value in list(frame.f_locals.items())}
        changed = [f"{_text(name)}:{_text(text)}" for name, text in now.items() if seen.get(name) != text]
        self._seen[frame] = now
        head = f'"line":{frame.f_lineno or 0},"depth":{self._depth}'
        self._steps.append(f'{{{head},"changed":{{{",".join(changed)}}}}}')


def _text(text: str) -> str:
    return quote(text.encode("utf-8", "backslashreplace").decode())


def brief(value: object) -> str:
    """Return a repr of at most MAX_REPR characters that runs no code of the program."""
    text = _repr(value, 0)
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 3] + "..."


def _repr(value: object, depth: int) -> str:
    kind = type(value)
    if kind is int and value.bit_length() > 512:  # type: ignore[attr-defined]  # exactly an int
        return f"<int of {value.bit_length()} bits>"  # type: ignore[attr-defined]
    if kind is str or kind is bytes:
        return repr(value[:MAX_REPR])  # type: ignore[index]
    if kind in _SCALARS:
        return repr(value)
    if kind not in _CONTAINERS:
        return f"<{type.__dict__['__name__'].__get__(kind)}>"
    if depth >= 3:
        return "..."
    return _container(value, kind, depth)


def _container(value: Any, kind: type, depth: int) -> str:
    parts: list[str] = []
    for item in value.items() if kind is dict else value:
        if kind is dict:
            parts.append(f"{_repr(item[0], depth + 1)}: {_repr(item[1], depth + 1)}")
        else:
            parts.append(_repr(item, depth + 1))
        if len(parts) > 30:
            break
    inner = ", ".join(parts)
    if kind is list:
        return f"[{inner}]"
    if kind is tuple:
        return f"({inner},)" if len(parts) == 1 else f"({inner})"
    if kind is dict or (kind is set and parts):
        return f"{{{inner}}}"
    return f"{kind.__name__}({{{inner}}})" if parts else f"{kind.__name__}()"
