"""The graphs as LangGraph's own tools see them: they ask for the drawing and for four schemas."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GRAPHS: dict[str, str] = json.loads((ROOT / "langgraph.json").read_text())["graphs"]


@pytest.fixture(params=list(GRAPHS.values()), ids=list(GRAPHS))
def graph(request: pytest.FixtureRequest) -> Any:
    """The graph that the file names."""
    place, name = request.param.split(":")
    module = import_module(".".join(Path(place).with_suffix("").parts))
    return getattr(module, name)()


def test_a_graph_can_be_drawn(graph: Any) -> None:
    drawn = graph.get_graph().to_json()
    assert {"__start__", "__end__"} < {node["id"] for node in drawn["nodes"]}


def test_a_graph_has_its_schemas(graph: Any) -> None:
    properties = graph.get_input_jsonschema()["properties"]
    assert properties
    assert set(properties) <= set(graph.get_output_jsonschema()["properties"])
    assert graph.get_context_jsonschema() is not None
