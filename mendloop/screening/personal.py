"""Personal data in texts: addresses and numbers that lead to people. Example addresses and test numbers are none."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from mendloop.screening.checksums import iban, luhn
from mendloop.screening.findings import Finding
from mendloop.screening.hosts import is_reserved, is_stood_for

_DOMAIN = re.compile(r"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+([A-Za-z]{2,24}))(?![\w-])")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_|~-]{1,64}\Z")
_OPENING = "!#$%&*+/=?^_|~.-"
_ROLES = frozenset({
    "git", "hg", "svn", "noreply", "no-reply", "donotreply", "do-not-reply", "anonymous", "nobody", "root",
    "postmaster",
})  # fmt: skip
_ANYBODY = frozenset({
    "admin", "test",
    "foo", "bar", "baz", "spam", "eggs", "user", "username", "name", "someone", "somebody", "anyone", "you",
    "me", "myself", "address", "email", "mail", "person", "alice", "bob", "jdoe", "john.doe", "jane.doe",
    "johndoe", "janedoe", "joe", "jane", "john", "a", "b", "c", "x", "y", "z",
})  # fmt: skip
_FILES = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "css", "html", "py", "md", "txt", "json",
})  # fmt: skip

_DIGITS = re.compile(r"\d[\d .()/-]{5,30}\d")
_NANP = re.compile(r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-.]\d{4}(?![\w-])")
_PHONE = re.compile(r"\+[1-9](?:[ ./-]?(?:\(\d{1,5}\)|\d)){6,14}(?!\d)")
_DECIMAL = re.compile(r"\+\d+\.\d+\Z")
_FICTION = re.compile(r"555-?01\d\d\Z")
_QUAD = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w)")
_COLONS = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{3,34}(?![\w:])")
_KNOWN_ADDRESSES = frozenset({
    "1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "1.2.3.4", "4.3.2.1", "5.6.7.8",
    "2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111",
})  # fmt: skip
"""Public name servers, and addresses that stand for any address."""

_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d\d(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,3})?(?!\w)")
_KNOWN_IBANS = frozenset({"GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606"})
_CARD = re.compile(
    r"(?<![\w.])(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,16}|\d{19})(?!\w|\.\d)"
)
_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3[068]|35|6011|65")
_KNOWN_CARDS = frozenset({
    "4111111111111111", "4012888888881881", "4222222222222", "4242424242424242", "4000056655665556",
    "4000000000000002", "4000002500003155", "5555555555554444", "5105105105105100", "5200828282828210",
    "2223003122003222", "5454545454545454", "378282246310005", "371449635398431", "378734493671000",
    "6011111111111117", "6011000990139424", "6011000000000004", "30569309025904", "38520000023237", "3056930009020004",
    "3530111333300000", "3566002020360505", "3566111111111113", "4539578763621486", "79927398713",
})  # fmt: skip
"""Numbers that payment services publish for tests."""


def find_personal(text: str) -> Iterator[Finding]:
    """Yield e-mail addresses, phone numbers, public IP addresses, IBANs and card numbers.

    Phone numbers are found with a country code, or in the form of the North American plan.
    """
    if "@" in text:
        yield from _emails(text)
    if _DIGITS.search(text):
        yield from _numbers(text)
    if ":" in text:
        for found in _COLONS.finditer(text):
            if _is_public(found[0]):
                yield Finding(*found.span(), "IPv6 address")


def _emails(text: str) -> Iterator[Finding]:
    for found in _DOMAIN.finditer(text):
        before = _MAILBOX.search(text, max(0, found.start() - 64), found.start())
        if before is None:
            continue
        start = before.start()
        while start < found.start() and (text[start] in _OPENING or text[start - 1 : start] == "\\"):
            start += 1  # punctuation, or the letter of an escape such as \n
        mailbox, host = text[start : found.start()].lower(), found[1]
        if not mailbox or "//" in text[max(0, start - 2) : start] or "/" in mailbox:
            continue
        if mailbox in _ROLES or found[2].lower() in _FILES or is_reserved(host):
            continue
        if mailbox in _ANYBODY and is_stood_for(host):
            continue
        yield Finding(start, found.end(), "e-mail address")


def _numbers(text: str) -> Iterator[Finding]:
    for found in _CARD.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        if luhn(digits) and _ISSUERS.match(digits) and digits not in _KNOWN_CARDS and len(set(digits)) > 3:
            yield Finding(*found.span(), "card number")
    for found in _IBAN.finditer(text):
        plain = found[0].replace(" ", "")
        if iban(plain) and plain not in _KNOWN_IBANS:
            yield Finding(*found.span(), "IBAN")
    for found in _QUAD.finditer(text):
        if _is_public(found[0]):
            yield Finding(*found.span(), "IPv4 address")
    for found in (*_PHONE.finditer(text), *_NANP.finditer(text)):
        if text[found.start() - 1 : found.start()].isalnum() or text[found.start() - 1 : found.start()] in ("-", "."):
            continue
        digits = re.sub(r"\D", "", found[0])
        stands_for = _FICTION.search(found[0].replace(" ", "")) or _DECIMAL.match(found[0]) or len(set(digits)) <= 3
        if 8 <= len(digits) <= 15 and not stands_for:
            yield Finding(*found.span(), "phone number")


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and str(address) not in _KNOWN_ADDRESSES
