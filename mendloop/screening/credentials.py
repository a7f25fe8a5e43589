"""Passwords and keys that are no service's form: in addresses, in headers, and assigned to names that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mendloop.screening.findings import Finding
from mendloop.screening.hosts import is_reserved
from mendloop.screening.placeholders import classes, entropy, is_placeholder

_SAID = r"passw(?:or)?d|pwd|passphrase"
_KEY = r"secret|token|credentials?|(?:api|access|auth|private|signing|encryption|account|master)[_-]?key"
_NAME = rf"(?:(?P<password>{_SAID})|{_KEY})"
_OF_IT = (
    r"(?![\w-]*(?:file|path|ur[il]|name|field|regex|pattern|format|prompt|label|type|help|prefix|sep|len|length)\b)"
)
_TO = r"(?::\s*[\w.\[\]| ]{1,40}=|=>|:=|==?|:)"

_QUOTED = re.compile(
    rf"{_NAME}{_OF_IT}[\w-]*(?:[\"'`]?\]?\s*{_TO}|[\"'`]\s*,)\s*[rbfu]{{0,2}}(?P<quote>\"{{3}}|'{{3}}|[\"'`])"
    r"(?P<value>[^\"'`\s\\]{6,200})(?P=quote)",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"{_NAME}{_OF_IT}[\w-]*[\"'`]?\s*{_TO}\s*(?P<value>[^\s\"'`,;()\[\]{{}}<>\\]{{8,200}})(?![\w(\[])", re.IGNORECASE
)
_WORDS = ("passw", "pwd", "passphrase", "secret", "token", "credential", "key")

_IN_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>`]{0,100}:(?P<value>[^\s/@\"'<>`]{3,100})@(?P<host>[^\s/\"'<>`:,)\]]+)",
    re.IGNORECASE,
)
_IN_HEADER = re.compile(r"\b(?:bearer|basic)\s+(?P<value>[\w+/.=~-]{16,})", re.IGNORECASE)

_OPAQUE = re.compile(r"[\w+/=.~-]{16,}")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*")
MIN_ENTROPY = 3.0
"""Bits per character: 16 random hexadecimal digits have 3.3 on average, words and names of 16 letters mostly less."""
MIN_PASSWORD = 6


def find_credentials(text: str) -> Iterator[Finding]:
    """Yield passwords in addresses, and values in headers or assigned to names such as `password` and `api_key`."""
    if "://" in text and "@" in text:
        for found in _IN_ADDRESS.finditer(text):
            if not (is_reserved(found["host"]) or is_placeholder(found["value"])):
                yield Finding(*found.span("value"), "password")
    small = text.lower()
    if "bearer " in small or "basic " in small:
        for found in _IN_HEADER.finditer(text):
            if _is_key(found["value"]):
                yield Finding(*found.span("value"), "token")
    if any(word in small for word in _WORDS):
        for found in (*_QUOTED.finditer(text), *_BARE.finditer(text)):
            value = found["value"]
            bare = "quote" not in found.re.groupindex
            if bare and _DOTTED.fullmatch(value) and sum(map(str.isdigit, value)) < 3:
                continue  # a name or an attribute, not a value
            if found["password"] and _is_password(value, bare):
                yield Finding(*found.span("value"), "password")
            elif not found["password"] and _is_key(value):
                yield Finding(*found.span("value"), "token")


def _is_password(value: str, bare: bool) -> bool:
    wanted = 3 if bare else 2
    return (
        len(value) >= MIN_PASSWORD
        and classes(value) >= wanted
        and not value.isalpha()
        and not is_placeholder(value)
        and not value.startswith(("/", "./", "http"))
    )


def _is_key(value: str) -> bool:
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    opaque = _OPAQUE.fullmatch(value) is not None
    return mixed and opaque and entropy(value) >= MIN_ENTROPY and not is_placeholder(value)
