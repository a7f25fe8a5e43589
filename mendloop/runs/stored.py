"""Events as they stand in a journal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mendloop.errors import DamageError
from mendloop.events import EVENT, AnyEvent
from mendloop.runs.packing import UnpackError, unpacked


@dataclass(frozen=True)
class StoredEvent:
    """An event as it stands in the journal. `n` numbers the run in commit order, `seq` the session from 1."""

    n: int
    session: str
    seq: int
    kind: str
    v: int
    key: str
    payload: str
    ts: float
    hash: str

    @cached_property
    def event(self) -> AnyEvent:
        """The typed event. Raises DamageError when the payload is none."""
        try:
            return parse_event(self.payload)
        except ValueError as error:
            raise DamageError(
                f"event {self.seq} of session {self.session!r} cannot be read as {self.kind}",
                remedy="`mendloop verify` says what is lost",
            ) from error


def stored_event(row: Sequence[Any]) -> StoredEvent:
    """Return a row of the event table. Raises DamageError when its payload is not what was packed."""
    n, session, seq, kind, v, key, payload, ts, hashed = row
    try:
        return StoredEvent(n, session, seq, kind, v, key, unpacked(payload), ts, hashed)
    except UnpackError as error:
        raise DamageError(
            f"event {seq} of session {session!r} cannot be read: {error}",
            remedy="`mendloop verify` says what is lost",
        ) from error


def parse_event(payload: str) -> AnyEvent:
    """Return the typed event of a stored payload. Raises ValueError."""
    try:
        return EVENT.validate_json(payload)
    except ValueError:
        return EVENT.validate_python(json.loads(payload))  # the fast parser refuses lone surrogates
