"""Whether a value is made of the types of a domain."""

from __future__ import annotations

from typing import Any

from mendloop.judgement.calls import read_literal
from mendloop.judgement.inputs.domains import Domain, Exact, Keyed, Many, Part, Real, Row, Table, Whole, Words
from mendloop.judgement.inputs.fitting import CONTAINERS, fits_part


def resembles(domain: Domain, value: Any) -> bool:
    """Tell whether a value is made of the types of a domain, whatever its size, sign, length or form.

    An int does where floats were seen. Nothing is known of the items of containers that were always empty.
    """
    return not domain or any(_resembles_part(part, value) for part in domain)


def _resembles_part(part: Part, value: Any) -> bool:
    match part:
        case Whole():
            return type(value) is int
        case Real():
            return type(value) in (int, float)
        case Words():
            return type(value) is str
        case Row():
            fields = tuple(each for field in part.fields for each in field)
            return _is_of(part, value) and all(resembles(fields, item) for item in value)
        case Many():
            return _is_of(part, value) and all(resembles(part.item, item) for item in value)
        case Keyed():
            inner = tuple(each for field in part.values for each in field)
            return type(value) is dict and all(resembles(inner, item) for item in value.values())
        case Table():
            pairs = value.items() if type(value) is dict else ()
            return type(value) is dict and all(resembles(part.key, k) and resembles(part.value, v) for k, v in pairs)
        case Exact():
            return type(value) in {type(read_literal(text)) for text in part.texts}
    return fits_part(part, value)


def _is_of(part: Row | Many, value: Any) -> bool:
    return type(value) is CONTAINERS[part.container]
