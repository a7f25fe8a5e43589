from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.memory.ngrams import MAX_CHARS, HashedNgrams
from mendloop.memory.scoring import similarities

NGRAMS = HashedNgrams()


def closeness(left: str, right: str) -> float:
    return similarities(NGRAMS.embed(left)[None], NGRAMS.embed(right))[0]


def sha256(text: str) -> str:
    return hashlib.sha256(NGRAMS.embed(text).tobytes()).hexdigest()


@given(st.text())
def test_a_vector_has_unit_length_or_is_zero(text: str) -> None:
    vector = NGRAMS.embed(text)
    assert vector.shape == (512,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5) or not vector.any()


def test_another_process_gives_the_same_vector() -> None:
    program = (
        "import hashlib; from mendloop.memory.ngrams import HashedNgrams; "
        "print(hashlib.sha256(HashedNgrams().embed('The loop ends too early.').tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sha256("The loop ends too early.")


@pytest.mark.parametrize(
    ("asked", "near", "far"),
    [
        (
            "The loop ends one element too early, so the last item is missing.",
            "The loop stops one item too early: the last element is missing from the result.",
            "The exception is raised for an empty string because the guard is inverted.",
        ),
        (
            "The comparison uses < where <= is needed, so the upper bound is left out.",
            "A comparison with < leaves out the upper bound; <= is needed.",
            "The dictionary is changed while it is iterated over.",
        ),
        (
            "IndexError: index 7 is out of range because the slice starts at 1",
            "IndexError: index 12 is out of range, the slice starts at 3",
            "The result is sorted in descending order but ascending was promised.",
        ),
    ],
)
def test_similar_diagnoses_are_closer_than_different_ones(asked: str, near: str, far: str) -> None:
    assert closeness(asked, near) > closeness(asked, far) + 0.2


def test_numbers_and_case_do_not_tell_texts_apart() -> None:
    assert closeness("Index 3 is OUT of range", "index 41 is out of range") == 1.0


def test_an_empty_text_is_like_nothing() -> None:
    assert closeness("", "a lesson") == 0.0


def test_a_very_long_text_is_cut() -> None:
    assert sha256("x" * MAX_CHARS) == sha256("x" * (MAX_CHARS + 1))


def test_a_lone_surrogate_is_embedded() -> None:
    assert NGRAMS.embed("bad \ud800 text").any()
