"""Instructions from rows of JSON and from lines of text."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.agents.sources import jsonl
from mendloop.agents.sources.instructions import read_instructions
from mendloop.errors import SourceError


def test_rows_of_json_hold_an_instruction_under_one_of_three_keys(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(
        '{"instruction": " Sort it. ", "id": "one", "licence": "MIT"}\n\n{"prompt": "Count it."}\n{"text": "Sum it."}\n'
    )
    found = read_instructions(file)
    assert [(item.text, item.line, item.licence) for item in found.items] == [
        ("Sort it.", 1, "MIT"),
        ("Count it.", 3, "user's own"),
        ("Sum it.", 4, "user's own"),
    ]
    assert (found.items[0].id, found.items[0].file, found.skipped) == ("one", "a.jsonl", ())


def test_lines_of_text_are_instructions(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("Sort it.\n\n- Count it.\n# Sum it.\n")
    assert [item.text for item in read_instructions(file).items] == ["Sort it.", "- Count it.", "# Sum it."]


def test_markdown_loses_its_marks_and_headings(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("# Wanted\n\n- Sort it.\n2. Count it.\nSum it.\n")
    assert [(item.line, item.text) for item in read_instructions(file).items] == [
        (3, "Sort it."),
        (4, "Count it."),
        (5, "Sum it."),
    ]


def test_what_cannot_be_used_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    rows = [
        '{"text": "a", "id": 7}',
        "{",
        "[1]",
        '{"text": 3.5}',
        '{"other": "a"}',
        '{"text": "a"}',
        '{"text": "b", "id": "7"}',
        '{"text": "\\ud800"}',
    ]
    file.write_text("\n".join(rows))
    found = read_instructions(file)
    assert [item.id for item in found.items] == ["7"]
    assert [line.file for line in found.skipped] == [f"a.jsonl:{number}" for number in range(2, 9)]
    assert [line.reason for line in found.skipped[1:]] == [
        "not a JSON object",
        "found float where a text belongs",
        "has no text under `instruction` or `prompt` or `text`",
        "the same as line 1",
        "its id was used before",
        "a text holds half a character (a lone surrogate)",
    ]


def test_a_file_has_at_most_so_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_ROWS", 1)
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n')
    found = read_instructions(file)
    assert [item.text for item in found.items] == ["a"]
    assert [line.file for line in found.skipped] == ["a.jsonl:2"]


@pytest.mark.parametrize(
    ("name", "data", "what", "where"),
    [
        ("a.jsonl", b"", "the file is empty", "a.jsonl"),
        ("a.jsonl", b"\n{\n", "no line can be used", "a.jsonl:2"),
        ("a.txt", b"\xff\xfe", "no UTF-8 text", "a.txt"),
        ("a.csv", b"a", "not a .jsonl, .txt or .md file", "a.csv"),
        ("b.txt", None, "there is no file", ""),
    ],
)
def test_a_file_without_instructions_says_where_and_what_to_do(
    tmp_path: Path, name: str, data: bytes | None, what: str, where: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=what) as error:
        read_instructions(tmp_path / name)
    assert error.value.where.endswith(where)
    assert error.value.remedy


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    with file.open("wb") as stream:
        stream.truncate(jsonl.MAX_BYTES + 1)
    with pytest.raises(SourceError, match="larger than 50 MB"):
        read_instructions(file)
