"""A user's code as seeds: cut where it belongs, in a fixed order, never from outside the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.agents.procedural.files import MAX_FILE_BYTES
from mendloop.agents.sources.snippets import read_snippets
from mendloop.errors import SourceError

FUNCTION = "def {name}(x):\n    y = x + 1\n    return y"


def lay(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_python_is_cut_at_functions_and_classes(tmp_path: Path) -> None:
    text = (
        f"import os\n\n@cache\n{FUNCTION.format(name='a')}\n\n\nclass B:\n    x = 1\n    y = 2\n\n\ndef short(): pass\n"
    )
    found = read_snippets(lay(tmp_path, a_py=text))
    assert [(item.file, item.line, item.text) for item in found.items] == [
        ("a.py", 3, f"@cache\n{FUNCTION.format(name='a')}"),
        ("a.py", 9, "class B:\n    x = 1\n    y = 2"),
    ]


def test_a_long_class_is_cut_at_its_methods(tmp_path: Path) -> None:
    method = "    def m{number}(self):\n        x = 1\n        return x\n"
    text = "class Long:\n" + "".join(method.format(number=number) for number in range(30))
    found = read_snippets(lay(tmp_path, a_py=text))
    assert len(found.items) == 30
    assert found.items[0].text == "def m0(self):\n    x = 1\n    return x"


def test_other_code_is_cut_at_empty_lines(tmp_path: Path) -> None:
    text = "int one() {\n  int x = 1;\n\n  return x;\n}\n\nint y;\n\nint two() {\n  return 2;\n}\n"
    found = read_snippets(lay(tmp_path, a_c=text))
    assert [(item.line, item.text.partition("(")[0]) for item in found.items] == [(1, "int one"), (9, "int two")]


def test_the_order_is_fixed_and_repeats_are_left_out(tmp_path: Path) -> None:
    one, two = FUNCTION.format(name="one"), FUNCTION.format(name="two")
    found = read_snippets(lay(tmp_path, b_py=one, a__z_py=two, a__a_py=one))
    assert [item.file for item in found.items] == ["b.py", "a/z.py"]
    assert found == read_snippets(tmp_path)
    assert len({item.id for item in found.items}) == 2


def test_a_licence_in_the_file_is_kept(tmp_path: Path) -> None:
    text = f"# SPDX-License-Identifier: MIT\n{FUNCTION.format(name='a')}\n"
    found = read_snippets(lay(tmp_path, a_py=text, b_py=FUNCTION.format(name="b")))
    assert [item.licence for item in found.items] == ["MIT", "user's own"]


def test_what_cannot_be_used_is_named_with_a_reason(tmp_path: Path) -> None:
    lay(tmp_path, a_py=FUNCTION.format(name="a"), bad_py="def (", few_py="x = 1", large_js="x" * (MAX_FILE_BYTES + 1))
    (tmp_path / "data.js").write_bytes(b"\0\1\2")
    (tmp_path / "latin.js").write_bytes("é\né\né".encode("latin-1"))
    found = read_snippets(tmp_path)
    reasons = {item.file: item.reason for item in found.skipped}
    assert reasons.pop("bad.py").startswith("does not parse: line 1")
    assert "decode" in reasons.pop("latin.js")
    assert reasons == {"few.py": "no piece of 3 to 60 lines", "large.js": "larger than 1 MB", "data.js": "not text"}


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    outside = lay(tmp_path / "outside", a_py=FUNCTION.format(name="secret"))
    inside = lay(tmp_path / "inside", b_py=FUNCTION.format(name="b"))
    (inside / "link.py").symlink_to(outside / "a.py")
    (inside / "folder").symlink_to(outside)
    assert [item.file for item in read_snippets(inside).items] == ["b.py"]


def test_one_file_is_read_whatever_its_ending(tmp_path: Path) -> None:
    found = read_snippets(lay(tmp_path, notes_txt="a\nb\nc\n") / "notes.txt")
    assert [item.text for item in found.items] == ["a\nb\nc"]


@pytest.mark.parametrize("name", ["missing", "."])
def test_nothing_to_read_says_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError) as error:
        read_snippets(tmp_path / name)
    assert error.value.remedy


def test_a_folder_without_pieces_names_the_first_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not parse") as error:
        read_snippets(lay(tmp_path, a_py="def ("))
    assert error.value.where.endswith("a.py")
