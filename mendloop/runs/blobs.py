"""Blobs: how a value becomes stored text (canonical JSON, redacted, capped) and comes back."""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from mendloop.errors import DamageError, RedactedError
from mendloop.events import EVENT, AnyEvent, Model, Ref
from mendloop.frozen import canonical_json
from mendloop.runs.packing import UnpackError, unpacked

LEAF_CAP = 262_144
"""The most characters that one string leaf keeps."""

REDACTED = "[redacted]"
_MARKER_ROOM = 64  # cap + marker stays within the cap, so that storing a capped text again changes nothing
_SHORTEST_SECRET = 8  # shorter "secrets" are placeholders of local servers, and would mangle ordinary text

# The literal beginnings are what every text is searched for; the expressions run only where one was found.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("sk-", r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}"),
    ("ghp_", r"ghp_[A-Za-z0-9]{20,}"),
    ("gho_", r"gho_[A-Za-z0-9]{20,}"),
    ("ghs_", r"ghs_[A-Za-z0-9]{20,}"),
    ("ghu_", r"ghu_[A-Za-z0-9]{20,}"),
    ("github_pat_", r"github_pat_[A-Za-z0-9_]{20,}"),
    ("glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    ("AKIA", r"(?<![A-Za-z0-9])AKIA[0-9A-Z]{16}(?![0-9A-Z])"),
    ("ASIA", r"(?<![A-Za-z0-9])ASIA[0-9A-Z]{16}(?![0-9A-Z])"),
    ("hf_", r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}"),
    ("e2b_", r"(?<![A-Za-z0-9])e2b_[0-9a-f]{32,}"),
    ("AIza", r"(?<![A-Za-z0-9])AIza[0-9A-Za-z_-]{35}"),
    ("xox", r"(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{20,}"),
    ("PRIVATE KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
)


class Redactor:
    """Replaces known secrets, and texts shaped like keys, in every string of a value."""

    def __init__(self, secrets: Iterable[str] = (), cap: int = LEAF_CAP) -> None:
        """Take the secrets to look for; those under eight characters are ignored."""
        known = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._cap = cap
        self._marks = [json.dumps(secret)[1:-1] for secret in known] + [mark for mark, _ in _PATTERNS]
        self._expression = re.compile("|".join([re.escape(s) for s in known] + [p for _, p in _PATTERNS]))

    def pack(self, value: object) -> tuple[Ref, str]:
        """Return the text to store for a value, and its reference."""
        text, cut = canonical_json(value), 0
        if len(text) > self._cap or any(mark in text for mark in self._marks):
            cuts: list[int] = []
            text = canonical_json(self._clean(json.loads(text), cuts))
            cut = sum(cuts)
        return Ref(sha256=text_hash(text), bytes=len(text), cut=cut), text

    def payload(self, event: AnyEvent) -> tuple[AnyEvent, str]:
        """Return an event as it may be stored, and its text."""
        text = canonical_json(event)
        if not any(mark in text for mark in self._marks):
            return event, text
        clean = EVENT.validate_python(self._clean(json.loads(text), []))
        return clean, canonical_json(clean)

    def clean_text(self, text: str) -> str:
        """Return one text, redacted and capped."""
        return self._leaf(text, [])

    def _clean(self, value: Any, cuts: list[int]) -> Any:
        if isinstance(value, str):
            return self._leaf(value, cuts)
        if isinstance(value, list):
            return [self._clean(item, cuts) for item in value]
        if isinstance(value, dict):
            return {self._expression.sub(REDACTED, key): self._clean(item, cuts) for key, item in value.items()}
        return value

    def _leaf(self, text: str, cuts: list[int]) -> str:
        text = self._expression.sub(REDACTED, text)
        if len(text) <= self._cap:
            return text
        left_out = len(text) - (self._cap - _MARKER_ROOM)
        cuts.append(left_out)
        return f"{text[:-left_out]}\n[... {left_out} characters left out]"


def text_hash(text: str) -> str:
    """Return the content hash of a stored text (ASCII JSON)."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def unpack(text: str, model: type[Model]) -> Model:
    """Return the record in a stored text. Raises DamageError when it is none of that type."""
    try:
        return model.model_validate_json(text)
    except ValidationError:
        pass
    try:  # the fast parser refuses lone surrogates, which programs do print
        return model.model_validate(json.loads(text))
    except ValueError as error:
        raise DamageError(f"a stored blob is no {model.__name__}") from error


def checked(sha256: str, data: bytes | None) -> str:
    """Return a blob's text. Raises RedactedError when it was erased, DamageError when its hash is another."""
    if data is None:
        raise RedactedError(f"blob {sha256[:12]} was erased on request")
    try:
        text = unpacked(data)
    except UnpackError:
        text = ""  # no blob is empty, so that its hash is another
    if text_hash(text) != sha256:
        raise DamageError(f"blob {sha256[:12]} is not what was stored", remedy="`mendloop verify` says what is lost")
    return text


class BlobCache:
    """The texts put last, by hash, up to a total of characters."""

    def __init__(self, room: int = 32_000_000) -> None:
        """Start empty."""
        self._room, self._used = room, 0
        self._texts: OrderedDict[str, str] = OrderedDict()

    def get(self, sha256: str) -> str | None:
        """Return a text when it is still here."""
        return self._texts.get(sha256)

    def add(self, sha256: str, text: str) -> None:
        """Remember a text, forgetting the oldest when there is no room."""
        if sha256 in self._texts:
            return
        self._texts[sha256] = text
        self._used += len(text)
        while self._used > self._room:
            _, oldest = self._texts.popitem(last=False)
            self._used -= len(oldest)
