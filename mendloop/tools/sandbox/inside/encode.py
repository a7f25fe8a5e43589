"""Values of a program as tagged JSON text, by exact type; mendloop.tools.values reads it.

`null`, `true`, `false`, a number (an int below 2**53) and a string stand for themselves; everything else is
`["tag", ...]`: int (hex text), float (repr), complex (two reprs), str (utf-16-le hex, for lone surrogates), bytes
(hex), list, tuple, set, frozenset, iter (their items), dict (pairs).
"""

from __future__ import annotations

import builtins
from json.encoder import encode_basestring_ascii as _quote

# A program may replace anything in the real module; the functions below keep the copy made here.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]  # a dict serves as well as a module

MAX_DEPTH = 64
MAX_ITEMS = 100_000
MAX_TEXT = 1_000_000
MAX_ITERATED = 10_000

_SEQUENCES: dict[type, str] = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
_VIEWS: tuple[type, ...] = (range, type({}.keys()), type({}.values()), type({}.items()))
_type_mro = type.__dict__["__mro__"].__get__
_type_dict = type.__dict__["__dict__"].__get__
_type_name = type.__dict__["__name__"].__get__


class UnencodableError(Exception):
    """The value has a type, depth or size that never leaves the sandbox."""


class _Encoder:
    """Counts what it has written, so that a small value which refers to itself often cannot grow without bound."""

    __slots__ = ("items", "text")

    def __init__(self) -> None:
        self.items, self.text = MAX_ITEMS, MAX_TEXT

    def spend(self, characters: int) -> None:
        self.items -= 1
        self.text -= characters
        if self.items < 0 or self.text < 0:
            raise UnencodableError("the value is too large")

    def value(self, value: object, depth: int) -> str:
        kind = type(value)
        if value is None or value is True or value is False:
            self.spend(0)
            return "null" if value is None else "true" if value else "false"
        if kind is int or kind is float or kind is complex or kind is str or kind is bytes:
            return self.scalar(value, kind)
        if depth >= MAX_DEPTH:
            raise UnencodableError("the value is nested too deeply")
        self.spend(0)
        if kind in _SEQUENCES:
            return self.sequence(_SEQUENCES[kind], value, depth)
        if kind is dict:
            pairs = [
                f"[{self.value(key, depth + 1)},{self.value(item, depth + 1)}]"
                for key, item in value.items()  # type: ignore[attr-defined]  # exactly a dict
            ]
            return f'["dict",[{",".join(pairs)}]]'
        if kind in _VIEWS or any("__next__" in _type_dict(base) for base in _type_mro(kind)):
            return self.sequence("iter", _at_most(value), depth)
        raise UnencodableError(f"a value of type {_type_name(kind)} is not encodable")

    def sequence(self, tag: str, items: object, depth: int) -> str:
        parts = [self.value(item, depth + 1) for item in items]  # type: ignore[attr-defined]  # exactly a sequence
        return f'["{tag}",[{",".join(parts)}]]'

    def scalar(self, value: object, kind: type) -> str:
        if kind is str:
            return self.string(value)  # type: ignore[arg-type]  # exactly a str
        if kind is int:
            self.spend(value.bit_length() // 4)  # type: ignore[attr-defined]  # exactly an int
            assert isinstance(value, int)
            small = -(2**53) < value < 2**53
            return str(value) if small else f'["int","{hex(value)}"]'
        if kind is float:
            self.spend(24)
            return f'["float","{value!r}"]'
        if kind is complex:
            self.spend(48)
            return f'["complex","{value.real!r}","{value.imag!r}"]'  # type: ignore[attr-defined]
        self.spend(2 * len(value))  # type: ignore[arg-type]
        return f'["bytes","{value.hex()}"]'  # type: ignore[attr-defined]

    def string(self, value: str) -> str:
        self.spend(len(value))
        try:
            value.encode()
        except UnicodeEncodeError:
            self.spend(3 * len(value))
            return f'["str","{value.encode("utf-16-le", "surrogatepass").hex()}"]'
        return _quote(value)


def _at_most(iterable: object) -> list[object]:
    """Draw an iterator's items; a longer one than the cap, or one without end, is not encodable."""
    items: list[object] = []
    for item in iterable:  # type: ignore[attr-defined]  # a view or an iterator
        items.append(item)
        if len(items) > MAX_ITERATED:
            raise UnencodableError(f"an iterator of more than {MAX_ITERATED} items")
    return items


def encode(value: object) -> str:
    """Return the tagged JSON text of a value.

    Raises UnencodableError for other types, depths and sizes, and whatever an iterator of the program raises.
    """
    return _Encoder().value(value, 0)


quote = _quote
