"""Packed texts: they come back, they are small, and no flipped bit of them passes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mendloop.runs.packing as module
from mendloop.events import NodeEntered
from mendloop.frozen import canonical_json
from mendloop.runs.packing import UnpackError, packed, unpacked


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_packed_comes_back(text: str) -> None:
    stored = json.dumps(text)
    assert unpacked(packed(stored)) == stored


@given(st.text(), st.data())
def test_no_flipped_bit_passes(text: str, data: st.DataObject) -> None:
    whole = bytearray(packed(json.dumps(text)))
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    with pytest.raises(UnpackError):
        unpacked(bytes(whole))


@pytest.mark.parametrize("data", [None, "text", 7, b"", b"\x01", b'{"kind":"problem"}', packed('"x"')[:-1]])
def test_what_was_not_packed_is_refused(data: object) -> None:
    with pytest.raises(UnpackError):
        unpacked(data)


def test_an_event_of_a_node_takes_a_third_of_its_text() -> None:
    text = canonical_json(NodeEntered(node="execute", visit=3))
    assert len(packed(text)) < len(text) / 3 + 5  # the form and the check sum take five bytes


def test_the_dictionary_of_stored_journals_never_changes() -> None:
    dictionary = Path(module.__file__).with_name("dictionary-1.txt").read_bytes()
    assert hashlib.sha256(dictionary).hexdigest() == "eb1490ede5ef2148c5696db283edb18ffc263018bc5ae422ebb324c721ccad06"
