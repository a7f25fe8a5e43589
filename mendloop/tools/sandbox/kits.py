"""What a worker is made of: which packages and files of this machine its root shows, and what is loaded into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from mendloop.errors import InputError
from mendloop.executions import Profile, Request
from mendloop.tools.sandbox.languages import LANGUAGES, PYTHON, SQL, is_built, language, located

_PYTEST = ("pytest",)
_SCIENTIFIC = ("numpy", "pandas", "scipy")
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")


@dataclass(frozen=True)
class Kit:
    """The parts of one kind of worker. `packages` maps names to host paths; `paths` are shown where they lie.

    `exe`, where there is one, is the file that an interpreter finds when it looks for itself.
    """

    packages: tuple[tuple[str, str], ...] = ()
    paths: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    exe: str = ""

    def json(self, isolation: str, program: str) -> str:
        """Return what a worker is told of itself when it starts."""
        parts = {"packages": dict(self.packages), "paths": self.paths, "preload": self.preload, "exe": self.exe}
        return json.dumps({"isolation": isolation, "program": program, **parts})


def kit_for(request: Request) -> Kit:
    """Return the kit that a request needs.

    Raises InputError, saying what to install, when this machine lacks an interpreter or a package.
    """
    return _kit(request.language, request.profile, request.tests is not None)


@cache
def _kit(name: str, profile: Profile, with_pytest: bool) -> Kit:
    if name in LANGUAGES:
        return Kit(paths=_paths(name), exe=_exe(name))
    if name == SQL:
        return Kit(preload=("sqlite3",))
    if name != PYTHON:
        language(name)
    wanted = [
        *(_PYTEST if with_pytest or profile == "pytest" else ()),
        *(_SCIENTIFIC if profile == "scientific" else ()),
    ]
    packages: dict[str, str] = {}
    preload: list[str] = []
    for package in wanted:
        found = _packages(package)
        if not found and package in (_PYTEST[0], _SCIENTIFIC[0]):
            raise InputError(f"profile {profile} needs the package {package}", remedy=f"pip install {package}")
        packages |= found
        preload += [package] if found else []
    return Kit(packages=tuple(sorted(packages.items())), preload=tuple(preload))


def _paths(name: str) -> tuple[str, ...]:
    """Return the system's folders, and that of an interpreter that lies elsewhere."""
    row = language(name)
    words = [word for command in (row.run, row.build) for word in located(name, command)[:1]]
    elsewhere = [Path(word).parent.parent for word in words if word.startswith("/") and not is_built(word)]
    own = [str(folder) for folder in elsewhere if not folder.is_relative_to("/usr") and folder != Path("/")]
    further = [str(found) for pattern in row.also for found in Path("/").glob(pattern.lstrip("/"))]
    return tuple(path for path in [*_SYSTEM, *own, *further] if Path(path).exists())


def _exe(name: str) -> str:
    """Return the interpreter of a language that looks for itself through /proc."""
    row = language(name)
    return located(name, row.run)[0] if row.looks_for_itself else ""


def _packages(name: str) -> dict[str, str]:
    """Return the top-level packages of a distribution and of all that it requires here; nothing where it is missing."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    pending, seen = [name], set[str]()
    while pending:
        wanted = pending.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            parts = distribution(wanted)
        except PackageNotFoundError:
            continue
        found |= _top_level(parts)
        needs = [Requirement(text) for text in parts.requires or ()]
        pending += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def _top_level(parts: Distribution) -> dict[str, str]:
    names = {file.parts[0] for file in parts.files or () if len(file.parts) > 1 or file.suffix == ".py"}
    own = [
        name for name in names if name not in ("..", "__pycache__") and not name.endswith((".dist-info", ".egg-info"))
    ]
    return {name: path for name in own if Path(path := str(parts.locate_file(name))).exists()}
