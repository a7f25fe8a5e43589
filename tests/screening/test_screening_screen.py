"""What becomes of an item: masked where that changes nothing, dropped where it would, kept where a scenario says so."""

from __future__ import annotations

import ast
import random

import pytest

from benchmarks.planted import email, password, planted, private_key
from mendloop.screening.screen import Piece, RefusedError, Screen
from mendloop.specs import ScreeningSpec

RNG = random.Random(5)
MAIL, OTHER, SECRET, KEY = email(RNG), email(RNG), password(RNG), private_key(RNG)
MASK = ScreeningSpec(secrets="mask")

CODE = f'''def f(x):
    """Return x twice; ask {MAIL} why."""
    # {OTHER} wrote this
    return x * 2
'''


def screened(code: str, rules: ScreeningSpec = ScreeningSpec()) -> str:  # noqa: B008 - a frozen record
    (text,) = Screen(rules).passed([Piece(code, "code")], "a.py", 1)
    return text


def test_comments_and_docstrings_are_masked_and_the_code_stays_the_same() -> None:
    text = screened(CODE)
    assert MAIL not in text
    assert OTHER not in text
    assert text.count("person@example.com") == 2
    without = [ast.dump(ast.parse(code).body[0].body[1]) for code in (CODE, text)]  # type: ignore[attr-defined]
    assert without[0] == without[1]


@pytest.mark.parametrize(
    "line",
    [
        f'return "{MAIL}"',
        f"return f'to: {MAIL} ' + x",
        f'return ("a" "{MAIL}")',
        "return 4539148803436467",
    ],
)
def test_code_whose_constants_would_change_is_dropped(line: str) -> None:
    with pytest.raises(RefusedError, match=r"^personal data \((e-mail address|card number)\)$"):
        screened(f"def f(x):\n    {line}\n")


@pytest.mark.parametrize(
    "docstring",
    [f">>> f('x {MAIL}')\n    'x'", f">>> f('x')\n    'to {MAIL}'", f'Of "{MAIL}" it gives the host.'],
)
def test_an_example_that_would_no_longer_hold_drops_the_code(docstring: str) -> None:
    with pytest.raises(RefusedError):
        screened(f'def f(x):\n    """Return it.\n\n    {docstring}\n    """\n    return x\n')


def test_what_only_looks_like_an_address_in_code_is_left_alone() -> None:
    code = "def f(a, b):\n    return a@b.transpose\n"
    assert screened(code) == code


def test_a_secret_drops_the_item_wherever_it_stands() -> None:
    for code in (f"# {KEY}\nx = 1\n", f'def f():\n    "password: {SECRET}"\n'):
        with pytest.raises(RefusedError, match=r"^secret \("):
            screened(code)


def test_a_secret_in_a_comment_can_be_masked_and_one_in_a_string_cannot() -> None:
    assert screened(f'# password = "{SECRET}"\nx = 1\n', MASK) == '# password = "[password removed]"\nx = 1\n'
    with pytest.raises(RefusedError):
        screened(f'password = "{SECRET}"\n', MASK)


def test_what_is_kept_is_unchanged_and_said() -> None:
    screen = Screen(ScreeningSpec(secrets="keep", personal="keep"))
    text = f'{CODE}password = "{SECRET}"\n'
    assert screen.passed([Piece(text, "code")], "a.py", 1) == (text,)
    said = "\n".join(screen.result.said)
    assert "secrets and personal data let through" in said
    assert "kept: 2 e-mail addresses, 1 passwords (a.py:1)" in said


def test_a_program_that_does_not_parse_is_dropped_where_it_has_no_tokens() -> None:
    with pytest.raises(RefusedError):
        screened(f'def f(x:\n    """\n    {MAIL}\n')


def test_an_item_that_is_dropped_counts_once_and_its_masks_do_not() -> None:
    screen = Screen(ScreeningSpec())
    with pytest.raises(RefusedError):
        screen.passed([Piece(f"about {MAIL}", "prose"), Piece(f"x {OTHER}", "fixed")], "rows.jsonl", 4)
    screen.passed([Piece(f"about {MAIL}", "prose")], "rows.jsonl", 5)
    result = screen.result
    assert (result.dropped, result.masked, result.kept) == ({"personal data": 1}, {"e-mail addresses": 1}, {})
    assert result.said == (
        "dropped: 1 personal data (rows.jsonl:4)",
        "masked: 1 e-mail addresses (rows.jsonl:5)",
    )


def test_nothing_that_was_found_stands_in_what_is_said_or_stored() -> None:
    values: list[str] = []
    said: list[str] = []
    screen = Screen(ScreeningSpec())
    for number, each in enumerate(planted(seed=9, each=3)):
        values.append(each.value)
        try:
            screen.passed([Piece(each.text, "idea")], "a.py", number)
        except RefusedError as error:
            said.append(str(error))
    stored = "\n".join([screen.result.model_dump_json(), *screen.result.said, *said])
    assert screen.result.dropped["secrets"] == len(said) > 20
    assert not [value for value in values if value in stored]


def test_a_licence_that_is_none_is_told_without_what_was_found_in_it() -> None:
    with pytest.raises(RefusedError, match=r"^licence: ask person@example.com$"):
        Screen(ScreeningSpec()).licensed(f"ask {MAIL}", "rows.jsonl", 3)


def test_calls_with_findings_are_left_out_and_counted() -> None:
    screen = Screen(ScreeningSpec())
    assert screen.is_clean("f(1)", "'2'")
    assert not screen.is_clean(f"f('{MAIL}')")
    assert screen.result.dropped == {"calls with e-mail addresses": 1}


def test_a_licence_outside_of_the_list_drops_as_many_as_it_covers() -> None:
    screen = Screen(ScreeningSpec())
    screen.licensed("MIT", "a.py", 1, 9)
    screen.licensed("user's own", "b.py", 1, 2)
    with pytest.raises(RefusedError, match=r"^licence: GPL-3.0-only$"):
        screen.licensed("GPL-3.0-only", "c.py", 1, 12)
    assert screen.result.said == (
        "dropped: 12 licence GPL-3.0-only (c.py:1)",
        "no licence found: taken as your own",
    )
