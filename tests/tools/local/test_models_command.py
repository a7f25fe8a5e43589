"""What `models list` and `models pull` say and do."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer

from mendloop.commands.models import fetch_model, print_models
from mendloop.errors import EXIT_INPUT, InputError
from mendloop.tools.local.weights import find_weights, weights_folder, weights_path
from tests.tools.local.hub_server import CONTENT, FakeHub, model_of

MODEL = model_of(CONTENT)


class Terminal(io.StringIO):
    """A terminal at which somebody has typed something."""

    def isatty(self) -> bool:
        return True


def listed(cache: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    print_models(cache, [MODEL], True)
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def put(cache: Path) -> Path:
    weights_folder(cache).mkdir()
    weights_path(MODEL, cache).write_bytes(CONTENT)
    return weights_path(MODEL, cache)


def test_the_list_says_what_is_here_and_what_was_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def state() -> tuple[bool, bool]:
        (row,) = listed(tmp_path, capsys)
        return row["here"], row["checked"]

    assert state() == (False, False)
    put(tmp_path)
    assert state() == (True, False)
    find_weights(MODEL.name, tmp_path, [MODEL])
    assert state() == (True, True)


def test_the_list_names_other_weights_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path).with_name("mine.gguf")
    path.write_bytes(b"mine")
    assert listed(tmp_path, capsys)[1] == {
        "name": "mine",
        "known": False,
        "here": True,
        "checked": False,
        "bytes": 4,
        "path": str(path),
        "sha256": None,
        "licence": None,
        "memory_gb": None,
        "good_for": None,
    }


def test_the_list_is_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path).with_name("mine.gguf").write_bytes(b"mine")
    print_models(tmp_path, [MODEL], False)
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "model",
        "tiny-coder",
        "mine",
        f"they lie in {weights_folder(tmp_path)}",
    ]


def test_size_licence_source_and_place_are_said_before_anything_is_fetched(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="nobody can be asked here") as caught:
        fetch_model(MODEL, tmp_path, hub.address, False, False)
    assert (caught.value.exit_code, caught.value.remedy) == (2, "add --yes")
    assert capsys.readouterr().err == (
        f"tiny-coder: 1 MB, licence Apache-2.0\n"
        f"from {hub.address}/Somebody/tiny-coder-GGUF/resolve/main/tiny-coder-q4.gguf\n"
        f"to {tmp_path}/models/tiny-coder-q4.gguf\n"
    )
    assert hub.asked == []


def test_consent_on_the_command_line_fetches(hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_model(MODEL, tmp_path, hub.address, True, True)
    assert json.loads(capsys.readouterr().out) == {
        "model": "tiny-coder",
        "path": str(weights_path(MODEL, tmp_path)),
        "bytes": len(CONTENT),
        "sha256": MODEL.sha256,
        "pulled": True,
    }
    assert weights_path(MODEL, tmp_path).read_bytes() == CONTENT


def test_consent_at_a_terminal_fetches_behind_a_bar(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    monkeypatch.setattr("sys.stderr", screen)
    fetch_model(MODEL, tmp_path, hub.address, False, False)
    assert weights_path(MODEL, tmp_path).read_bytes() == CONTENT
    assert "Fetch it? [y/N]" in screen.getvalue()


def test_a_no_at_a_terminal_fetches_nothing(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(typer.Exit) as caught:
        fetch_model(MODEL, tmp_path, hub.address, False, False)
    assert (caught.value.exit_code, hub.asked) == (EXIT_INPUT, [])
    assert capsys.readouterr().err.endswith("nothing was fetched\n")


def test_weights_that_are_here_are_said_to_be(hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path)
    fetch_model(MODEL, tmp_path, hub.address, False, True)
    printed = capsys.readouterr()
    assert printed.err == f"tiny-coder is here already: {path}\n"
    assert json.loads(printed.out)["pulled"] is False
    assert hub.asked == []
