"""What a run asked of language models, from its journal: who asked, with which prompt, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mendloop.agents.prompted.slots import AGAIN, LONGER, SHORTER
from mendloop.events import LlmAnswered
from mendloop.runs.reader import Reader
from mendloop.runs.stored import StoredEvent
from mendloop.specs import PROMPT_NAMES

_USELESS = frozenset({"length", "content_filter", "refusal", "context", "missing"})
_REASON_CHARACTERS = 100


@dataclass(frozen=True)
class Asked:
    """One answered question. `ts` is when the answer was committed; `slot` ends with what was asked again."""

    session: str
    place: str
    role: str
    slot: str
    ts: float
    event: LlmAnswered

    @property
    def key(self) -> str:
        """The journal's key: `node#visit/role/slot`."""
        return f"{self.place}/{self.role}/{self.slot}"

    @property
    def played(self) -> str:
        """The role; a critic's second reading is the critic's, and a tester's second suite the tester's."""
        return self.role.partition("-")[0]

    @property
    def kind(self) -> str:
        """Role and question, without the slot's numbers."""
        return f"{self.played}/{self.slot.partition('/')[0]}"

    @property
    def again(self) -> bool:
        """True when an unusable answer went back with what was wrong with it."""
        return self.slot.removesuffix(LONGER).endswith(AGAIN)

    @property
    def longer(self) -> bool:
        """True when an answer that came to its limit was asked for once more with more room."""
        return self.slot.endswith(LONGER)


def asked_in(reader: Reader, session: str | None = None) -> Iterator[Asked]:
    """Yield the answered questions of one session, or of the whole run, in order. Raises DamageError."""
    yield from asked_of(reader.tail() if session is None else reader.events(session))


def asked_of(events: Iterable[StoredEvent]) -> Iterator[Asked]:
    """Yield the answered questions among some events."""
    for stored in events:
        if stored.kind == "llm_call" and isinstance(stored.event, LlmAnswered):
            place, _, rest = stored.key.partition("/")
            role, _, slot = rest.partition("/")
            yield Asked(stored.session, place, role, slot, stored.ts, stored.event)


def unusable(asked: Iterable[Asked]) -> frozenset[tuple[str, str]]:
    """Return (session, key) of the answers that the journal shows to have been of no use.

    They were cut, endless, refused, or sent back.

    An answer that ended its session because a role could not read it the second time is not among them: the session's
    reason says so.
    """
    every = {(each.session, each.key): each for each in asked}
    useless = {place for place, each in every.items() if each.event.finish in _USELESS or each.event.degenerate}
    for session, key in every:
        if key.endswith(AGAIN):
            first = key.removesuffix(AGAIN)
            last = next((suffix for suffix in (LONGER, SHORTER) if (session, first + suffix) in every), "")
            useless.add((session, first + last))
    return frozenset(useless)


def model_reason(reason: str) -> tuple[str, str] | None:
    """Return the prompt and the reason of a loss that a model's answer caused; None for other reasons.

    What differs from problem to problem (numbers, quoted code, lists of details) is left out of it.
    """
    prompt, colon, why = reason.partition(": ")
    if not colon or prompt not in PROMPT_NAMES:
        return None
    plain = re.sub(r" \(\d+x .*\)$", "", why)
    plain = re.sub(r"`[^`]*`", "`...`", plain)
    plain = re.sub(r"\d+", "N", plain).partition(": ")[0]
    return prompt, plain[:_REASON_CHARACTERS]


def busy_seconds(asked: Iterable[Asked]) -> float:
    """Return the seconds during which at least one question was under way."""
    spans = sorted((each.ts - each.event.ms / 1000, each.ts) for each in asked)
    total, reached = 0.0, float("-inf")
    for began, ended in spans:
        total += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return total
