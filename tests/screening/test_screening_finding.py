"""What is found in a text, and what is none: planted values of every form, and the examples that people write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.planted import Planted, planted
from mendloop.screening.checksums import iban, luhn
from mendloop.screening.findings import NATURES, Kind, apart, replaced
from mendloop.screening.scanning import find

SAMPLES = tuple(planted(seed=3, each=12))


@pytest.mark.parametrize("form", sorted({each.form for each in SAMPLES}))
def test_every_planted_value_is_covered_whole(form: str) -> None:
    for each in (each for each in SAMPLES if each.form == form):
        left = replaced(each.text, find(each.text))
        assert each.value not in left
        assert not any(each.value[place : place + 8] in left for place in range(len(each.value) - 8))


@pytest.mark.parametrize("kind", sorted({each.kind for each in SAMPLES}))
def test_a_finding_says_what_it_is(kind: str) -> None:
    told = Counter(found.kind for each in SAMPLES if each.kind == kind for found in find(each.text))
    assert told.most_common(1)[0][0] == kind


@pytest.mark.parametrize(
    "text",
    [
        "write to person@example.com, root@localhost or me@host.test",
        "foo@bar.com, user@domain.com, noreply@anything.io",
        "git clone git@github.com:somebody/project.git and ssh://git@host.io/x",
        "icon@2x.png lies beside icon.png",
        "127.0.0.1, 10.1.2.3, 192.168.0.1, 192.0.2.44, 198.51.100.7, 203.0.113.9, 8.8.8.8, 1.2.3.4",
        "version 1.2.3, section 4.3.2.1.5, OID 1.3.6.1.5.5.7",
        "::1, fe80::1, 2001:db8::beef, and a[1::2], at 12:34:56",
        "4111 1111 1111 1111, 4242424242424242, 5555-5555-5555-4444, 378282246310005",
        "1234567812345678 has no right check digit, 0.4539148803436467 is a float",
        "GB82 WEST 1234 5698 7654 32 and DE89 3704 0044 0532 0130 00 stand in every manual",
        "+1 202-555-0100 is fiction, +35236450.6 a decimal, 2026-11-21 a date",
        "http://user:password@host/ and https://ada:x7kq92mw@example.com/",
        "password: str = '', token = tokens[0], secret = load_secret()",
        "api_key = os.environ['API_KEY']; api_key = 'your-api-key-goes-here-1'",
        "password = 'changeme', PASSWORD_FILE = '/etc/app/passwd1'",
        "if line == '-----BEGIN PRIVATE KEY-----': read_key()",
        "AKIAIOSFODNN7EXAMPLE is Amazon's own example",
        "sk-learn-like-names-are-words and ghp_short",
        "Bearer authentication, basic arithmetic",
    ],
)
def test_examples_and_lookalikes_are_no_findings(text: str) -> None:
    assert [(found.kind, text[found.start : found.end]) for found in find(text)] == []


@pytest.mark.parametrize("kind", NATURES)
def test_a_placeholder_is_no_finding_and_keeps_code_valid(kind: Kind) -> None:
    placeholder = NATURES[kind].placeholder
    for text in (placeholder, f"ask {placeholder} now", f"({placeholder})."):
        assert replaced(text, find(text)) == text
    assert not set("\"'\\\n") & set(placeholder)


@pytest.mark.parametrize("text", ["mail\\nada.okafor@corp-mail.io", "'\\tada.okafor@corp-mail.io'"])
def test_the_letter_of_an_escape_is_not_taken_for_a_mailbox(text: str) -> None:
    (found,) = find(text)
    assert text[found.start : found.end] == "ada.okafor@corp-mail.io"


def test_a_password_in_an_address_is_a_secret_and_not_a_mailbox() -> None:
    (found,) = find("postgres://app:Tr0ub4dor@db.corp.io/shop")
    assert found.kind == "password"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=6), st.sampled_from(["\n", "; ", " | "]))
def test_masking_a_text_leaves_nothing_and_masking_again_changes_nothing(
    parts: Sequence[Planted], between: str
) -> None:
    text = between.join(each.text for each in parts)
    masked = replaced(text, find(text))
    assert replaced(masked, find(masked)) == masked
    assert not [each for each in parts if each.value in masked]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_findings_lie_in_the_text_in_order_and_apart(text: str) -> None:
    spots = find(text)
    assert all(0 <= each.start < each.end <= len(text) for each in spots)
    assert all(one.end <= two.start for one, two in pairwise(spots))
    assert apart(spots) == spots


@pytest.mark.parametrize(
    ("number", "right"), [("79927398713", True), ("79927398710", False), ("4111111111111111", True), ("0", True)]
)
def test_check_digits_of_cards(number: str, right: bool) -> None:
    assert luhn(number) is right


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("GB82WEST12345698765432", True),
        ("GB83WEST12345698765432", False),
        ("GB82WEST1234569876543", False),
        ("NO9386011117947", True),
        ("ZZ82WEST12345698765432", False),
    ],
)
def test_check_digits_of_ibans(number: str, right: bool) -> None:
    assert iban(number) is right
