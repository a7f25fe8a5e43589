"""The pages say what the program does: generated ones are fresh, and hand-written ones name commands that exist."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from mendloop.cli import app
from mendloop.graphs.repair import repair_graph
from mendloop.graphs.synthesis import synthesis_graph
from tests.e2e.product import ROOT, run_process

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/concepts.md",
    "docs/decisions.md",
    "docs/own-code.md",
    "docs/budget.md",
    "docs/durability.md",
    "docs/sandbox.md",
    "docs/screening.md",
)
CONSOLE = re.compile(r"^```(?:bash|sh|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
COMMENTED = re.compile(r"^ *#.*?(?:`(mendloop [^`\n]+)`|: (mendloop .+))", re.MULTILINE)


def test_the_generated_pages_are_up_to_date() -> None:
    done = run_process([sys.executable, "docs/generate.py", "--check"], cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, ""), f"run scripts/docs and look at what changes:\n{done.stderr}"


@pytest.mark.parametrize(
    ("title", "graph"),
    [("Repair: one problem", repair_graph()), ("Synthesis: a goal, many problems", synthesis_graph())],
    ids=["repair", "synthesis"],
)
def test_a_graph_is_drawn_as_the_docs_show_it(title: str, graph: Any) -> None:
    page = (ROOT / "docs" / "graphs.md").read_text("utf-8")
    shown = re.search(rf"^## {re.escape(title)}\n\n```mermaid\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shown, f"docs/graphs.md has no drawing under `{title}`: run scripts/docs"
    drawn = graph.get_graph().draw_mermaid().strip()
    lines = difflib.unified_diff(
        shown[1].strip().splitlines(), drawn.splitlines(), "docs/graphs.md", "the graph", n=0, lineterm=""
    )
    changed = "\n".join(lines)
    assert not changed, f"the graph is not the one in the docs; if that is meant, run scripts/docs:\n{changed}"


# --- commands in prose -----------------------------------------------------------------------------------------------


def commands_in(text: str) -> Iterator[str]:
    """Yield every command of ours in a page: lines of console blocks, and spans of code in the prose."""
    blocks = [line for block in CONSOLE.findall(text) for line in block.splitlines()]
    for found in [*blocks, *SPAN.findall(FENCED.sub("", text))]:
        command = found.strip().removeprefix("$ ").removeprefix(".venv/bin/")
        if command.startswith(("mendloop ", "scripts/")):
            yield command


def mistake_in(command: str) -> str:
    """Return what is wrong with a command line of ours, or nothing."""
    program, *arguments = shlex.split(command, comments=True)
    if program != "mendloop":
        script = ROOT / program
        return "" if script.is_file() and os.access(script, os.X_OK) else f"there is no script {program}"
    known: Any = typer.main.get_command(app)
    for argument in arguments:
        if argument.startswith("-"):
            option = argument.partition("=")[0]
            if option not in options_of(known):
                return f"`{known.name}` has no option {option}"
        elif hasattr(known, "commands"):
            if argument not in known.commands:
                return f"there is no command `{argument}`"
            known = known.commands[argument]
    return ""


def options_of(command: Any) -> set[str]:
    """Return the options of a command as its parser knows them."""
    parameters = [each for each in command.params if each.param_type_name == "option"]
    return {"-h", "--help", *(name for each in parameters for name in (*each.opts, *each.secondary_opts))}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_page_exists(page: str) -> None:
    commands = list(commands_in((ROOT / page).read_text("utf-8")))
    assert {command: wrong for command in commands if (wrong := mistake_in(command))} == {}


def test_every_command_in_a_scenarios_comments_exists() -> None:
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "scenarios").glob("*.yaml"))]
    commands = [span or line for text in texts for span, line in COMMENTED.findall(text)]
    assert len(commands) >= len(texts)
    assert {command: wrong for command in commands if (wrong := mistake_in(command))} == {}


def test_the_commands_of_a_page_are_found() -> None:
    block = "```bash\nscripts/test  # all\nls\n$ mendloop runs\n```"
    text = f"`mendloop` `mendloop show RUN`\n{block}\n`.venv/bin/mendloop doctor`"
    assert list(commands_in(text)) == ["scripts/test  # all", "mendloop runs", "mendloop show RUN", "mendloop doctor"]
    readme = [command.split() for command in commands_in((ROOT / "README.md").read_text("utf-8"))]
    assert {words[0] for words in readme} >= {"scripts/quickstart", "scripts/test"}
    assert {words[1] for words in readme if words[0] == "mendloop"} >= {"doctor", "show", "report", "verify"}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("mendloop run SCENARIO --sessions 6 --set seed=1", ""),
        ("mendloop --debug run SCENARIO --out=DIR", ""),
        ("mendloop tail RUN --no-follow", ""),
        ("mendloop runn SCENARIO", "there is no command `runn`"),
        ("mendloop run SCENARIO --sesions 6", "`run` has no option --sesions"),
        ("mendloop --sessions 6", "`mendloop` has no option --sessions"),
        ("scripts/test -k docs", ""),
        ("scripts/tests", "there is no script scripts/tests"),
    ],
)
def test_a_wrong_command_is_noticed(command: str, wrong: str) -> None:
    assert mistake_in(command) == wrong
