"""The screen that every text of a source goes through before anybody is asked anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from mendloop.records import Case
from mendloop.screening.findings import Finding, Group, replaced
from mendloop.screening.licences import OWN, is_allowed
from mendloop.screening.regions import Standing, in_code, in_prose
from mendloop.screening.scanning import find
from mendloop.screening.screened import MOST_PLACES, Done, Found, Screened
from mendloop.specs import ScreeningSpec

BY_DEFAULT: Final = ScreeningSpec()
"""The rules of a scenario that names none."""

_ONE: Final[dict[Group, str]] = {"secrets": "secret", "personal": "personal data"}
_MANY: Final[dict[Group, str]] = {"secrets": "secrets", "personal": "personal data"}


class RefusedError(ValueError):
    """An item may not be used; the message says why, never what was found."""


class Piece(NamedTuple):
    """A text of an item. An `idea` may be changed anywhere, `fixed` nowhere, `prose` and `code` outside of examples."""

    text: str
    form: Literal["idea", "prose", "code", "fixed"]


@dataclass
class Screen:
    """Judges the items of one source by the rules of a scenario, and counts what it did."""

    rules: ScreeningSpec
    _counts: Counter[tuple[Done, str]] = field(default_factory=Counter)
    _places: list[Found] = field(default_factory=list)
    _own: bool = False

    def passed(self, pieces: Sequence[Piece], file: str, line: int) -> tuple[str, ...]:
        """Return the texts of an item as they may be used. Raises RefusedError where it may not be used at all."""
        texts: list[str] = []
        done: list[tuple[Done, Finding]] = []
        for piece in pieces:
            masked: list[Finding] = []
            for finding, standing in _standing(piece).items():
                rule = self._rule(finding)
                if standing == "nothing":
                    continue
                if rule == "drop" or (rule == "mask" and standing == "fixed"):
                    group = finding.nature.group
                    self._count("dropped", _MANY[group], finding.kind, file, line)
                    raise RefusedError(f"{_ONE[group]} ({finding.kind})")
                done.append(("masked" if rule == "mask" else "kept", finding))
                if rule == "mask":
                    masked.append(finding)
            texts.append(replaced(piece.text, masked))
        for what, finding in done:
            self._count(what, finding.nature.plural, finding.kind, file, line)
        return tuple(texts)

    def worded(self, text: str) -> str:
        """Return a text that repeats words of an item that has passed, masked in the same way and not counted."""
        return replaced(text, [finding for finding in find(text) if self._rule(finding) == "mask"])

    def is_clean(self, *texts: str) -> bool:
        """Return whether a call or a case may be used: where a value in it may not, it is counted as dropped."""
        for text in texts:
            for finding in find(text):
                if self._rule(finding) != "keep":
                    self._counts["dropped", f"calls with {finding.nature.plural}"] += 1
                    return False
        return True

    def licensed(self, licence: str, file: str, line: int, items: int = 1) -> None:
        """Raise RefusedError, and count, where the licence of some items is not among those that are allowed."""
        licence = replaced(licence, find(licence))
        if licence == OWN:
            self._own = True
        elif not is_allowed(licence, self.rules.licences):
            if items:
                self._count("dropped", f"licence {licence}", f"licence {licence}", file, line, items)
            raise RefusedError(f"licence: {licence}")

    @property
    def result(self) -> Screened:
        """What was done so far."""
        dropped, masked, kept = (
            {what: number for (done, what), number in self._counts.items() if done == wanted and number}
            for wanted in ("dropped", "masked", "kept")
        )
        let_through = [_MANY[group] for group in _MANY if getattr(self.rules, group) == "keep"]
        let_through += ["any licence"] if "any" in self.rules.licences else []
        return Screened(
            dropped=dropped,
            masked=masked,
            kept=kept,
            places=tuple(self._places),
            own=self._own,
            let_through=tuple(let_through),
        )

    def _rule(self, finding: Finding) -> str:
        return str(getattr(self.rules, finding.nature.group))

    def _count(self, done: Done, label: str, what: str, file: str, line: int, number: int = 1) -> None:
        self._counts[done, label] += number
        if len(self._places) < MOST_PLACES:
            self._places.append(Found(what=what, file=file, line=line, done=done))


def texts_of(case: Case) -> tuple[str, ...]:
    """Return the texts of a case."""
    written = (case.id, case.call, case.expect, case.raises, case.check, case.setup, case.stdin, case.stdout)
    return (*filter(None, written), *(case.after or {}).values())


def _standing(piece: Piece) -> dict[Finding, Standing]:
    findings = find(piece.text)
    match piece.form:
        case "prose":
            return in_prose(piece.text, findings) if findings else {}
        case "code":
            return in_code(piece.text, findings) if findings else {}
        case "idea":
            return dict.fromkeys(findings, "loose")
        case _:
            return dict.fromkeys(findings, "fixed")
