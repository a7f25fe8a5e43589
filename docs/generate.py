"""Generates docs/cli.md, docs/graphs.md and docs/schemas/ from the code, so that they cannot go stale."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter
from typer.testing import CliRunner

from mendloop.cli import app
from mendloop.commands.estimating import Checked
from mendloop.events import AnyEvent
from mendloop.executions import ProgramResult
from mendloop.graphs.repair import repair_graph
from mendloop.graphs.synthesis import synthesis_graph
from mendloop.records import Case, Record
from mendloop.runs.against_model import Against
from mendloop.runs.comparison import Comparison
from mendloop.runs.report import Report
from mendloop.scenario import scenario_json_schema

DOCS = Path(__file__).parent
OPENING = """\
Drawn by LangGraph from the code (`scripts/docs`). `langgraph.json` opens them in LangGraph's own tools: install
`langgraph-cli[inmem]` beside mendloop in an environment of its own (it asks for other versions of some packages) and
start `langgraph dev`. There they can be looked at, not run: their context, the team and the journal, exists only in a
run."""


def help_page() -> str:
    """Return the help of every command, as the command line prints it on a terminal of 100 columns."""
    parts = ["# The command line\n\nGenerated from the program by `scripts/docs`.\n"]
    command = typer.main.get_command(app)
    names = list(command.list_commands(None)) if hasattr(command, "list_commands") else []  # type: ignore[arg-type]  # no context is needed to list
    for name in ["", *names]:
        said = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="mendloop", terminal_width=100)
        parts.append(f"## mendloop {name}".rstrip() + f"\n\n```text\n{said.stdout.strip()}\n```\n")
    return "\n".join(parts)


def graphs_page() -> str:
    """Return both graphs as LangGraph draws them."""
    drawn = {"Repair: one problem": repair_graph(), "Synthesis: a goal, many problems": synthesis_graph()}
    parts = [f"# The graphs\n\n{OPENING}\n"]
    for title, graph in drawn.items():
        parts.append(f"## {title}\n\n```mermaid\n{graph.get_graph().draw_mermaid().strip()}\n```\n")
    return "\n".join(parts)


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schemas by name."""
    return {
        "against": Against.model_json_schema(mode="serialization"),
        "case": Case.model_json_schema(),
        "check": Checked.model_json_schema(mode="serialization"),
        "comparison": Comparison.model_json_schema(mode="serialization"),
        "event": TypeAdapter(AnyEvent).json_schema(),
        "exec-result": ProgramResult.model_json_schema(),
        "record": Record.model_json_schema(),
        "report": Report.model_json_schema(mode="serialization"),
        "scenario": scenario_json_schema(),
    }


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated page with its text."""
    yield DOCS / "cli.md", help_page()
    yield DOCS / "graphs.md", graphs_page()
    for name, schema in schemas().items():
        yield DOCS / "schemas" / f"{name}.json", json.dumps(schema, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write the pages, or with --check name those that are stale."""
    stale = [(path, text) for path, text in pages() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        print(f"{'stale' if '--check' in sys.argv else 'wrote'}: {path.relative_to(DOCS.parent)}")  # noqa: T201
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    if stale and "--check" in sys.argv:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
