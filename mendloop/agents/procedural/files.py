"""Reading a source of functions as data: nothing that is read is ever imported or executed."""

from __future__ import annotations

import ast
import difflib
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import platform
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import cast

from mendloop.errors import SourceError
from mendloop.frozen import Frozen
from mendloop.screening.licence_places import LICENCE_FILE, licence_of_file, licence_of_folder, licence_of_metadata
from mendloop.screening.licences import NONE

MAX_FILE_BYTES = 1_000_000
MAX_FILES = 20_000

NEVER = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules", "venv"})
STDLIB_SKIPPED = NEVER | {
    "test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip", "encodings", "pydoc_data", "__phello__",
}  # fmt: skip


class Skipped(Frozen):
    """A file that was not used, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Place:
    """Where a source lies on disk and what every record from it says about its origin."""

    package: str
    root: Path
    only: Path
    licence: str
    version: str


@dataclass(frozen=True)
class SourceFile:
    """One file as text. `file` is relative to the source's root; `is_test` marks evidence rather than candidates.

    `licence` is what the file itself says, empty where it says nothing.
    """

    module: str
    file: str
    text: str
    is_test: bool
    licence: str = ""


def locate(package: str | None, path: str | Path | None) -> Place:
    """Find the files of a package or a path; raises SourceError with a remedy when there are none."""
    if package == "stdlib":
        return _stdlib(_stdlib_root())
    if package:
        return _package(package)
    if path is None:
        raise SourceError("the source names neither a package nor a path", remedy="set `package:` or `path:`")
    return _folder(Path(path))


def read_files(place: Place) -> tuple[tuple[SourceFile, ...], tuple[Skipped, ...]]:
    """Read every Python file of a place in a fixed order; files that cannot be used are named with a reason."""
    files: list[SourceFile] = []
    skipped: list[Skipped] = []
    for path in _walk(place):
        name = path.relative_to(place.root).as_posix()
        if len(files) >= MAX_FILES:
            skipped.append(Skipped(file=name, reason=f"more than {MAX_FILES:,} files"))
            break
        try:
            text = _text(path, place.root)
            files.append(SourceFile(_module(place, path), name, text, _is_test(place, path), licence_of_file(text)))
        except (OSError, UnicodeError, SyntaxError, ValueError) as error:
            skipped.append(Skipped(file=name, reason=_one_line(error)))
    return tuple(files), tuple(skipped)


def parse(file: SourceFile) -> ast.Module:
    """Return the file's syntax tree; raises ValueError with a short reason when it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(file.text)
    except SyntaxError as error:
        raise ValueError(f"does not parse: line {error.lineno}: {error.msg}") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError("does not parse: nested too deeply") from error


def _stdlib_root() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _stdlib(only: Path, name: str = "stdlib") -> Place:
    return Place(name, _stdlib_root(), only, "PSF-2.0", platform.python_version())


def _package(name: str) -> Place:
    top, *rest = name.split(".")
    if top in sys.stdlib_module_names:
        return _stdlib(_inside(_stdlib_root(), [top, *rest], name), name)
    spec = _spec(top)
    if spec is None or not spec.origin:
        raise _unknown(name)
    origin = Path(spec.origin)
    root = origin.parent.parent if spec.submodule_search_locations else origin.parent
    licence, version = _metadata(top)
    return Place(name, root, _inside(root, [top, *rest], name), licence, version)


def _spec(top: str) -> importlib.machinery.ModuleSpec | None:
    # Only the top name is looked up: for a dotted name find_spec would import the parent package.
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


def _inside(root: Path, parts: list[str], name: str) -> Path:
    base = root.joinpath(*parts)
    for path in (base, base.with_suffix(".py")):
        if path.exists():
            return path
    raise _unknown(name)


def _unknown(name: str) -> SourceError:
    known = sorted({*sys.stdlib_module_names, *importlib.metadata.packages_distributions()})
    near = difflib.get_close_matches(name, known, 1)
    remedy = f"did you mean `{near[0]}`? " if near else ""
    return SourceError(
        f"no package `{name}` with Python files is installed", remedy=f"{remedy}install it, or use `path:`"
    )


def _metadata(top: str) -> tuple[str, str]:
    """Return the licence and the version of the distribution that an import name belongs to."""
    found = _distribution(top)
    if found is None:
        return NONE, ""
    texts = (file.read_text("utf-8") for file in found.files or () if LICENCE_FILE.match(file.name))
    return licence_of_metadata(cast(Message, found.metadata), texts) or NONE, found.version


def _distribution(top: str) -> importlib.metadata.Distribution | None:
    """Return the distribution that an import name belongs to; most are named alike."""
    try:
        return importlib.metadata.distribution(top)
    except importlib.metadata.PackageNotFoundError:
        owners = importlib.metadata.packages_distributions().get(top, [])
        return importlib.metadata.distribution(owners[0]) if owners else None


def _folder(path: Path) -> Place:
    if not path.exists():
        raise SourceError(f"there is no folder or file `{path}`", remedy="check `path:`")
    real = path.resolve()
    root = real if real.is_dir() else real.parent
    return Place(real.stem, root, real, licence_of_folder(root), "")


def _walk(place: Place) -> Iterator[Path]:
    if place.only.is_file():
        yield place.only
        return
    skipped = STDLIB_SKIPPED if place.root == _stdlib_root() else NEVER
    real_root = place.root.resolve()
    for folder, folders, names in os.walk(place.only):
        folders[:] = sorted(name for name in folders if name not in skipped and not name.startswith((".", "config-")))
        for name in sorted(names):
            path = Path(folder, name)
            # A link that leaves the folder may point at anything on this machine.
            if name.endswith(".py") and (not path.is_symlink() or path.resolve().is_relative_to(real_root)):
                yield path


def _text(path: Path, root: Path) -> str:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES // 1_000_000} MB")
    return importlib.util.decode_source(path.read_bytes())


def _module(place: Place, path: Path) -> str:
    parts = path.relative_to(place.root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _is_test(place: Place, path: Path) -> bool:
    relative = path.relative_to(place.root)
    folders = set(relative.parts[:-1])
    return bool(folders & {"test", "tests"}) or path.stem.startswith("test_") or path.stem.endswith("_test")


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:120]
