"""Reading a source: what is found, what is left out and why, and that nothing of it is executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.agents.procedural.source import Candidates, read_source
from mendloop.errors import SourceError

GOOD = '''
def chunks(items, size):
    """Split a list into pieces of at most `size` items."""
    if size < 1:
        raise ValueError("size")
    return [items[i:i + size] for i in range(0, len(items), size)]
'''


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(found: Candidates) -> list[str]:
    return [f"{item.module}.{item.entry_point}" for item in found.items]


def test_a_folder_gives_its_documented_pure_functions_in_file_order(tmp_path: Path) -> None:
    write(tmp_path, b=GOOD, a__c=GOOD.replace("chunks", "parts").replace("size", "width"))
    found = read_source(path=tmp_path)
    assert names(found) == ["b.chunks", "a.c.parts"]
    assert found.items[0].signature == "chunks(items, size)"
    assert (found.licence, found.items[0].file, found.items[0].line) == ("user's own", "b.py", 2)


def test_reading_executes_nothing(tmp_path: Path) -> None:
    write(tmp_path, m=f"open({str(tmp_path / 'trace')!r}, 'w').close()\n" + GOOD)
    assert names(read_source(path=tmp_path)) == ["m.chunks"]
    assert not (tmp_path / "trace").exists()


def test_a_file_that_does_not_parse_is_reported_and_the_rest_is_used(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD, bad="def broken(:\n")
    found = read_source(path=tmp_path)
    assert names(found) == ["good.chunks"]
    assert [(skip.file, skip.reason.startswith("does not parse: line 1")) for skip in found.skipped] == [
        ("bad.py", True)
    ]


def test_a_link_that_leaves_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", secret=GOOD)
    inside = write(tmp_path / "inside", mine=GOOD.replace("chunks", "own"))
    (inside / "linked.py").symlink_to(outside / "secret.py")
    (inside / "folder").symlink_to(outside)
    assert names(read_source(path=inside)) == ["mine.own"]


def test_equal_functions_are_kept_once(tmp_path: Path) -> None:
    write(tmp_path, a=GOOD, b=GOOD.replace("chunks", "pieces").replace("Split", "Cut"))
    found = read_source(path=tmp_path)
    assert names(found) == ["a.chunks"]
    assert found.refused == {"same as another": 1}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (GOOD.replace('    """Split a list into pieces of at most `size` items."""\n', ""), "undocumented"),
        ('def f(x):\n    """Do nothing with a value."""\n    return x\n', "too simple"),
        (GOOD.replace("def chunks", "@profile\ndef chunks"), "decorated"),
        (GOOD + GOOD, "defined twice"),
        (GOOD.replace("items, size", "self, items, size"), "takes no arguments"),
    ],
)
def test_functions_that_are_no_problems_are_counted_by_reason(tmp_path: Path, code: str, reason: str) -> None:
    write(tmp_path, a=GOOD.replace("chunks", "kept"), b=code.replace("items[i:i", "items[i:0 + i"))
    assert reason in read_source(path=tmp_path).refused


@pytest.mark.parametrize(
    ("package", "path", "message"),
    [
        (None, "/nowhere/at/all", "there is no folder or file"),
        ("statistcs", None, "did you mean `statistics`"),
        (None, None, "neither a package nor a path"),
    ],
)
def test_a_source_that_does_not_exist_says_so_in_one_line(package: str | None, path: str | None, message: str) -> None:
    with pytest.raises(SourceError) as error:
        read_source(package, path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no Python file can be read"), ("def broken(:", "parses"), ("x = 1\n", "no usable function")],
)
def test_a_folder_with_nothing_usable_says_why(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        write(tmp_path, only=text)
    with pytest.raises(SourceError, match=message):
        read_source(path=tmp_path)


def test_a_module_of_the_standard_library_carries_its_licence() -> None:
    found = read_source("statistics")
    assert found.licence == "PSF-2.0"
    assert {"median_low", "quantiles"} <= {item.entry_point for item in found.items}


def test_candidates_survive_the_journal(tmp_path: Path) -> None:
    found = read_source(path=write(tmp_path, a=GOOD))
    assert Candidates.model_validate_json(found.model_dump_json()) == found


def test_calls_in_the_source_are_seen(tmp_path: Path) -> None:
    write(tmp_path, a=GOOD, b="from a import chunks\nchunks([1, 2], 1)\nother.chunks([9], 9)\n")
    assert read_source(path=tmp_path).items[0].seen == ("chunks([1, 2], 1)",)
