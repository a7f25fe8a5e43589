"""What a text may hold that must not leave the machine. A finding is a place in a text, never the text itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Group = Literal["secrets", "personal"]
Kind = Literal[
    "private key",
    "token",
    "password",
    "e-mail address",
    "phone number",
    "IPv4 address",
    "IPv6 address",
    "IBAN",
    "card number",
]


class Nature(NamedTuple):
    """What holds for all findings of a kind: its group, its plural, and what stands in a masked text instead."""

    group: Group
    plural: str
    placeholder: str


NATURES: Final[dict[Kind, Nature]] = {
    "private key": Nature("secrets", "private keys", "[private key removed]"),
    "token": Nature("secrets", "tokens", "[token removed]"),
    "password": Nature("secrets", "passwords", "[password removed]"),
    "e-mail address": Nature("personal", "e-mail addresses", "person@example.com"),
    "phone number": Nature("personal", "phone numbers", "+1 202-555-0100"),
    "IPv4 address": Nature("personal", "IPv4 addresses", "192.0.2.1"),
    "IPv6 address": Nature("personal", "IPv6 addresses", "2001:db8::1"),
    "IBAN": Nature("personal", "IBANs", "DE00 0000 0000 0000 0000 00"),
    "card number": Nature("personal", "card numbers", "0000 0000 0000 0000"),
}
"""Placeholders hold no quote and no backslash, so that code stays valid, and are themselves no findings."""


@dataclass(frozen=True, order=True)
class Finding:
    """`text[start:end]` is a finding of this kind."""

    start: int
    end: int
    kind: Kind

    @property
    def nature(self) -> Nature:
        """What holds for its kind."""
        return NATURES[self.kind]


def apart(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in order of place; those that overlap become one, a secret where one of them is."""
    kept: list[Finding] = []
    for finding in sorted(findings):
        last = kept[-1] if kept else None
        if last is None or finding.start >= last.end:
            kept.append(finding)
            continue
        first = finding if (finding.nature.group, last.nature.group) == ("secrets", "personal") else last
        kept[-1] = Finding(last.start, max(last.end, finding.end), first.kind)
    return tuple(kept)


def replaced(text: str, findings: Iterable[Finding]) -> str:
    """Return the text with placeholders for findings that do not overlap."""
    for finding in sorted(findings, reverse=True):
        text = text[: finding.start] + finding.nature.placeholder + text[finding.end :]
    return text
