"""Every reader screens what it reads: by licence, secrets and personal data, and says what it did."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from benchmarks.planted import TOKENS, email
from mendloop.agents.procedural.source import read_source
from mendloop.agents.sources.failures import read_failures
from mendloop.agents.sources.instructions import read_instructions
from mendloop.agents.sources.snippets import read_snippets
from mendloop.errors import SourceError
from mendloop.specs import ScreeningSpec

RNG = random.Random(2)
MAIL, TOKEN = email(RNG), TOKENS["GitHub"](RNG)
PERSON = "person@example.com"
GPL_TOO = ScreeningSpec(licences=("permissive", "GPL-3.0-only"))

FUNCTION = '''
def {name}(items, size):
    """Split a list into pieces of at most `size` items{words}."""
    if size < {number}:
        raise ValueError("{text}")
    return [items[i:i + size] for i in range(0, len(items), size)]
'''


def function(name: str, words: str = "", number: int = 1, text: str = "size") -> str:
    return FUNCTION.format(name=name, words=words, number=number, text=text)


def lay(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


# --- Python functions ------------------------------------------------------------------------------------------------


def test_functions_are_masked_in_docstrings_and_dropped_for_their_constants(tmp_path: Path) -> None:
    lay(
        tmp_path,
        a=function("one", f"; ask {MAIL}") + function("two", number=2, text=f"write to {MAIL}"),
        b=function("three", number=3, text=TOKEN) + function("four", number=4),
    )
    found = read_source(path=tmp_path)
    assert [item.entry_point for item in found.items] == ["one", "four"]
    assert PERSON in found.items[0].docstring
    assert PERSON in found.items[0].code
    assert found.refused == {"personal data (e-mail address)": 1, "secret (token)": 1}
    assert (found.screened.dropped, found.screened.masked) == (
        {"personal data": 1, "secrets": 1},
        {"e-mail addresses": 1},
    )
    assert {(each.what, each.file, each.line, each.done) for each in found.screened.places} == {
        ("e-mail address", "a.py", 2, "masked"),
        ("e-mail address", "a.py", 8, "dropped"),
        ("token", "b.py", 2, "dropped"),
    }
    assert MAIL not in found.model_dump_json()
    assert TOKEN not in found.model_dump_json()


def test_a_helper_that_holds_a_secret_drops_the_function_that_needs_it(tmp_path: Path) -> None:
    lay(
        tmp_path,
        a=f"KEY = '{TOKEN}'\n"
        + function("one", text="{KEY}").replace('("{KEY}")', "(KEY)")
        + function("two", number=2),
    )
    assert [item.entry_point for item in read_source(path=tmp_path).items] == ["two"]


def test_calls_and_tests_with_findings_are_left_out(tmp_path: Path) -> None:
    lay(
        tmp_path,
        a=function("one") + f"\none(['{MAIL}', 'a'], 1)\none(['b', 'c'], 2)\n",
        test_a=f"from a import one\n\n\ndef test_it():\n    assert one(['{MAIL}'], 1) == [['{MAIL}']]\n"
        "    assert one([1, 2], 1) == [[1], [2]]\n",
    )
    (item,) = read_source(path=tmp_path).items
    assert [case.call for case in item.cases] == ["one([1, 2], 1)"]
    assert set(item.seen) == {"one(['b', 'c'], 2)", "one([1, 2], 1)"}


def test_a_scenario_can_keep_what_was_found(tmp_path: Path) -> None:
    lay(tmp_path, a=function("one", f"; ask {MAIL}"), b=function("two", number=2, text=TOKEN))
    found = read_source(path=tmp_path, rules=ScreeningSpec(secrets="keep", personal="keep"))
    assert [item.entry_point for item in found.items] == ["one", "two"]
    assert MAIL in found.items[0].docstring
    assert found.screened.said[0] == "secrets and personal data let through, as the scenario says"


def test_a_file_with_another_licence_is_left_out_and_those_that_need_it(tmp_path: Path) -> None:
    needing = function("two").replace("return [", "return one(items, 1) or [")
    lay(
        tmp_path,
        free=f"# SPDX-License-Identifier: GPL-3.0-only\n{function('one')}\n\nasync def other():\n    pass\n",
        mine=f"# SPDX-License-Identifier: MIT\nfrom free import one\n{needing}",
        own=function("three", number=3),
    )
    found = read_source(path=tmp_path)
    assert [(item.entry_point, item.licence) for item in found.items] == [("three", "user's own")]
    assert found.refused["licence: GPL-3.0-only"] == 2
    both = read_source(path=tmp_path, rules=GPL_TOO)
    assert {item.entry_point: item.licence for item in both.items} == {
        "one": "GPL-3.0-only",
        "two": "MIT AND GPL-3.0-only",
        "three": "user's own",
    }


def test_a_folder_with_a_licence_that_is_not_allowed_says_how_to_allow_it(tmp_path: Path) -> None:
    lay(tmp_path, a=function("one"))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'p'\nlicense = 'GPL-3.0-only'\n")
    with pytest.raises(SourceError, match=r"looked at 1 functions: 1 licence: GPL-3.0-only") as raised:
        read_source(path=tmp_path)
    assert "screening.licences" in raised.value.remedy
    assert read_source(path=tmp_path, rules=GPL_TOO).licence == "GPL-3.0-only"


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ("License-Expression: BSD-3-Clause", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: Apache 2.0", "Apache-2.0"),
    ],
)
def test_an_installed_package_has_the_licence_that_it_states(
    fields: str, licence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, fields)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = read_source("splitting")
    assert (found.licence, found.version, found.items[0].licence) == (licence, "1.2", licence)
    assert "no licence found: taken as your own" not in found.screened.said


@pytest.mark.parametrize(("fields", "licence"), [("", "none found"), ("License: GPLv3", "GPL-3.0-only")])
def test_an_installed_package_without_an_allowed_licence_is_not_used(
    fields: str, licence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, fields)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SourceError, match=f"1 licence: {licence}"):
        read_source("splitting")


def install(folder: Path, fields: str) -> None:
    (folder / "splitting.py").write_text(function("one"))
    data = folder / "splitting-1.2.dist-info"
    data.mkdir()
    (data / "METADATA").write_text(f"Metadata-Version: 2.1\nName: splitting\nVersion: 1.2\n{fields}\n")


# --- snippets, instructions, wrong programs --------------------------------------------------------------------------


def test_snippets_are_masked_anywhere_and_dropped_for_secrets(tmp_path: Path) -> None:
    lay(tmp_path, a=function("one", text=MAIL), b=function("two", text=TOKEN))
    found = read_snippets(tmp_path)
    assert [(item.file, item.licence) for item in found.items] == [("a.py", "user's own")]
    assert f'raise ValueError("{PERSON}")' in found.items[0].text
    assert [(skip.file, skip.reason) for skip in found.skipped] == [("b.py:2", "secret (token)")]


def test_snippets_carry_the_licence_of_their_file_or_project(tmp_path: Path) -> None:
    lay(tmp_path, a=f"# SPDX-License-Identifier: GPL-3.0-only\n{function('one')}", b=function("two"))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'p'\nlicense = 'ISC'\n")
    found = read_snippets(tmp_path)
    assert [(item.file, item.licence) for item in found.items] == [("b.py", "ISC")]
    assert [(skip.file, skip.reason) for skip in found.skipped] == [("a.py", "licence: GPL-3.0-only")]


def rows(tmp_path: Path, *given: dict[str, object]) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, given)))
    return file


def test_instructions_are_screened_by_text_and_licence(tmp_path: Path) -> None:
    file = rows(
        tmp_path,
        {"instruction": f"Sort it as {MAIL} asked."},
        {"instruction": f"Call it with {TOKEN}."},
        {"instruction": "Sum it.", "licence": "GPLv3"},
        {"instruction": "Count it.", "license": "Apache 2.0"},
        {"instruction": "Turn it round.", "id": MAIL},
    )
    found = read_instructions(file)
    assert [(item.text, item.licence) for item in found.items] == [
        (f"Sort it as {PERSON} asked.", "user's own"),
        ("Count it.", "Apache-2.0"),
    ]
    assert [(skip.file, skip.reason) for skip in found.skipped] == [
        ("rows.jsonl:2", "secret (token)"),
        ("rows.jsonl:3", "licence: GPL-3.0-only"),
        ("rows.jsonl:5", "personal data (e-mail address)"),
    ]
    assert found.screened.said == (
        "dropped: 1 secrets, 1 licence GPL-3.0-only, 1 personal data (rows.jsonl:2, rows.jsonl:3, ...)",
        "masked: 1 e-mail addresses (rows.jsonl:1)",
        "no licence found: taken as your own",
    )


CODE = "def add(a, b=0):\n    return a - b\n"
ROW: dict[str, object] = {"prompt": "Add two numbers.", "code": CODE, "tests": "assert add(1, 2) == 3"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"prompt": f"Add with {TOKEN}."}, "secret (token)"),
        ({"code": f"{CODE}\nx = '{MAIL}'\n"}, "personal data (e-mail address)"),
        (
            {"tests": ["assert add(1, 2) == 3", f"assert add('{MAIL}', '') == '{MAIL}'"]},
            "personal data (e-mail address)",
        ),
        (
            {"prompt": f"def add(a, b='{MAIL}'):\n    '''Add.'''\n", "code": "    return a"},
            "personal data (e-mail address)",
        ),
        ({"licence": "CC-BY-SA-4.0"}, "licence: CC-BY-SA-4.0"),
    ],
)
def test_a_wrong_program_that_may_not_be_sent_is_named(changed: dict[str, object], reason: str, tmp_path: Path) -> None:
    found = read_failures(rows(tmp_path, ROW, {**ROW, **changed}))
    assert [item.line for item in found.items] == [1]
    assert [(skip.file, skip.reason) for skip in found.skipped] == [("rows.jsonl:2", reason)]


def test_a_wrong_program_is_masked_in_prompt_and_comments(tmp_path: Path) -> None:
    found = read_failures(rows(tmp_path, {**ROW, "prompt": f"Add, says {MAIL}.", "code": f"# {MAIL}\n{CODE}"}))
    (item,) = found.items
    assert (item.statement, item.code) == (f"Add, says {PERSON}.", f"# {PERSON}\n{CODE}")
    assert found.screened.masked == {"e-mail addresses": 2}
