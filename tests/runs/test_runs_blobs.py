"""How values become stored text: canonical, redacted, capped, and back exactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.errors import DamageError, RedactedError
from mendloop.events import ErrorRaised, Ref
from mendloop.executions import Outcome
from mendloop.frozen import canonical_json
from mendloop.records import Solution
from mendloop.runs.blobs import LEAF_CAP, REDACTED, BlobCache, Redactor, checked, text_hash, unpack
from mendloop.runs.packing import packed

KEY = "sk-proj-" + "a1B2" * 8
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL too


def kept(code: str, *secrets: str) -> str:
    _, text = Redactor(secrets).pack(Solution(code=code, author="model"))
    return unpack(text, Solution).code


@given(ANY_TEXT)
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert kept(text) == text


def test_what_is_no_number_in_json_comes_back_too() -> None:
    _, text = Redactor().pack(Outcome(id="1", status="returned", value=["x", 1e400]))
    assert unpack(text, Outcome).value == ["x", float("inf")]


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "ghp_" + "x" * 36,
        "github_pat_" + "x" * 40,
        "glpat-" + "x" * 20,
        "AKIA" + "A" * 16,
        "hf_" + "x" * 34,
        "e2b_" + "0" * 40,
        "AIza" + "x" * 35,
        "xoxb-" + "1" * 24,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
@pytest.mark.parametrize("around", ["{}", "key = '{}'\n", "\n{}", '"{}"', "é{}\x00"])
def test_texts_shaped_like_keys_are_redacted(secret: str, around: str) -> None:
    assert kept(around.format(secret)) == around.format(REDACTED)


@pytest.mark.parametrize("text", ["task-" + "a1" * 20, "sk-learn-and-other-long-words", "risk-1", "AKIA", "hf_x"])
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert kept(text) == text


@given(st.text(st.characters(exclude_categories=()), min_size=8, max_size=20), ANY_TEXT, ANY_TEXT)
def test_a_known_secret_is_in_no_stored_text(secret: str, before: str, after: str) -> None:
    assert secret not in kept(before + secret + after, secret).replace(REDACTED, "")


def test_a_placeholder_too_short_for_a_secret_is_left_alone() -> None:
    assert kept("the EMPTY set", "EMPTY") == "the EMPTY set"


def test_secrets_in_keys_of_objects_are_redacted() -> None:
    _, text = Redactor().pack({KEY: [KEY]})
    assert json.loads(text) == {REDACTED: [REDACTED]}


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    ref, text = Redactor().pack({"out": "x" * (LEAF_CAP + 1000), "other": "y" * LEAF_CAP})
    stored = json.loads(text)
    assert len(stored["out"]) <= LEAF_CAP
    assert stored["out"].endswith(f"x\n[... {ref.cut} characters left out]")
    assert stored["out"].count("x") + ref.cut == LEAF_CAP + 1000
    assert stored["other"] == "y" * LEAF_CAP


def test_storing_a_cut_text_again_changes_nothing() -> None:
    _, once = Redactor().pack("x" * 1_000_000)
    ref, twice = Redactor().pack(json.loads(once))
    assert (twice, ref.cut) == (once, 0)


def test_a_secret_across_the_cut_is_not_kept_in_part() -> None:
    assert "sk-" not in kept("x" * (LEAF_CAP - 70) + "\n" + KEY + "x" * 1000)


def test_events_carry_no_secret_either() -> None:
    event = ErrorRaised(error=f"with {KEY}", detail=Ref(sha256="0", bytes=1))
    clean, payload = Redactor().payload(event)
    assert (clean, payload) == (event.model_copy(update={"error": f"with {REDACTED}"}), canonical_json(clean))


def test_equal_values_have_one_hash() -> None:
    one, _ = Redactor().pack({"a": 1, "b": 2})
    two, text = Redactor().pack({"b": 2, "a": 1})
    assert one == two == Ref(sha256=text_hash(text), bytes=len(text))


def test_what_is_read_is_checked() -> None:
    sha256 = text_hash('"x"')
    assert checked(sha256, packed('"x"')) == '"x"'
    for other in (packed('"y"'), b'"x"', b"", b"\x01"):
        with pytest.raises(DamageError, match="not what was stored"):
            checked(sha256, other)
    with pytest.raises(RedactedError):
        checked(sha256, None)
    with pytest.raises(DamageError, match="no Solution"):
        unpack('{"a": 1}', Solution)


def test_the_cache_forgets_the_oldest() -> None:
    cache = BlobCache(room=10)
    for name in "abc":
        cache.add(name, name * 4)
    assert [cache.get(name) for name in "abc"] == [None, "bbbb", "cccc"]
