"""The structure holds: imports go down, every vendor has one module, and reading stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mendloop"

LAYERS = [
    {"errors", "frozen", "executions", "records", "__init__"},
    {"events", "complaints", "yamlfile", "fields", "settings"},
    {"modelspecs", "policies", "sourcespecs", "stagespecs", "specs", "scenario"},
    {"tools", "memory", "screening"},
    {"judgement"},
    {"agents"},
    {"graphs"},
    {"runs"},
    {"datasets"},
    {"choosing", "opening", "composition", "remembering", "launching", "weighing", "api"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

VENDORS: dict[str, set[str]] = {
    "chromadb": {"memory/chroma.py"},
    "pyarrow": {"datasets/parquet.py"},
    "aiohttp": {"tools/chat/client.py"},
    "langchain_openai": {"tools/chat/client.py", "tools/chat/embedder.py"},
    "openai": {"tools/chat/client.py", "tools/chat/embedder.py", "tools/chat/batch_service.py"},
    "onnxruntime": {"memory/minilm.py"},
    "tokenizers": {"memory/minilm.py"},
    "packaging": {"screening/licences.py", "tools/sandbox/kits.py"},
    "e2b": {"tools/sandbox/e2b/sdk.py"},
    "ray": set(),
    "xllamacpp": {"tools/local/server.py"},
    "opentelemetry": set(),
}
"""The modules that may import each vendor: one, or one for each of its services."""

HEAVY = ("langgraph", "langchain_core", "chromadb", "pyarrow", "numpy", "rich.progress", "jinja2")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "mendloop")


def layer_of(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = layer_of(".".join(["mendloop", *path.relative_to(PACKAGE).with_suffix("").parts]))
    allowed_up = {("__init__", "api")}  # the package's lazy front door
    for name in imports_of(path):
        if name == "mendloop" or not name.startswith("mendloop."):
            continue
        other = layer_of(name)
        if other not in RANK or (own, other) in allowed_up:
            continue
        assert RANK[other] <= RANK[own], f"{path.relative_to(ROOT)} imports {name}, which stands above it"


@pytest.mark.parametrize(("vendor", "homes"), VENDORS.items(), ids=VENDORS)
def test_a_vendor_is_imported_where_its_service_is(vendor: str, homes: set[str]) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if any(name.split(".")[0] == vendor for name in imports_of(path))
    }
    assert users == homes


def test_langgraph_is_imported_in_graphs_only() -> None:
    users = [path for path in modules() if any(name.split(".")[0] == "langgraph" for name in imports_of(path))]
    assert {path.parent.name for path in users} == {"graphs"}


def test_only_settings_and_the_roots_know_the_environment() -> None:
    def reads(path: Path) -> bool:
        names = (node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute))
        return any(name in {"environ", "getenv"} for name in names)

    users = {path.relative_to(PACKAGE).as_posix() for path in modules() if reads(path)}
    outside = {name for name in users if not name.startswith("tools/sandbox/inside/")}
    assert outside == {"api.py"}  # the interpreters inside the sandbox empty their own


def test_no_module_is_named_for_what_it_is_not() -> None:
    banned = ("manager", "handler", "helper", "utils")
    assert [path for path in modules() if any(word in path.stem.lower() for word in banned)] == []
    assert [path for path in modules() if path.stem.startswith("test_")] == []


def loaded_by(*code: str) -> set[str]:
    script = "\n".join([*code, "import sys", "print('\\n'.join(sys.modules))"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {heavy for heavy in HEAVY if heavy in done.stdout.splitlines()}


def test_help_loads_nothing_heavy() -> None:
    script = "import sys\nsys.argv = ['mendloop', '--help']\nfrom mendloop.cli import main"
    assert loaded_by(script, "try:\n    main()\nexcept SystemExit:\n    pass") == set()


def test_reading_a_run_loads_nothing_heavy() -> None:
    assert (
        loaded_by("import mendloop.runs.reader, mendloop.runs.verify, mendloop.runs.report, mendloop.commands.reading")
        == set()
    )
