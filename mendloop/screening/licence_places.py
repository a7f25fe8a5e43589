"""Where a licence is stated: in a file, in a project's folder, in the metadata of an installed package."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from email.message import Message
from pathlib import Path
from typing import Any

from mendloop.screening.licence_texts import licence_in
from mendloop.screening.licences import OWN, is_known, normalised

_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([\w.+\-() ]{1,100}?)[ \t]*(?:\*/|-->|[\"']|$)", re.MULTILINE)
LICENCE_FILE = re.compile(r"(?i)(?:un)?licen[cs]e|copying")
"""Names of files that hold a licence."""
_HEAD = 5_000
_MAX_BYTES = 200_000
_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "package.json", "Cargo.toml", "go.mod", ".hg")
UNRECOGNISED = "not recognised"
"""What stands for the licence of a project whose licence file is none of the known ones."""


def licence_of_file(text: str) -> str:
    """Return what `SPDX-License-Identifier:` says in the first 5,000 characters of a file; empty without one."""
    found = _SPDX.search(text[:_HEAD])
    return normalised(found[1]) if found else ""


def licence_of_folder(folder: Path) -> str:
    """Return the licence of the project that a folder belongs to, `user's own` where none is stated.

    Looked at are the folder and those above it up to the project's root (a repository, else the next folder with a
    project file), from the inside out: `pyproject.toml`, then files named LICENSE, LICENCE, COPYING or UNLICENSE.
    """
    for place in _project(folder):
        stated = _in_pyproject(place) or _in_files(sorted(place.glob("*")))
        if stated:
            return stated
    return OWN


def licence_of_metadata(data: Message, texts: Iterable[str] = ()) -> str:
    """Return the licence that a distribution states: License-Expression, License, classifiers, else its licence files.

    A family name such as "BSD" is made precise by the files where they can. Empty where nothing is stated.
    """
    classifiers = [str(each).rpartition(" :: ")[2] for each in data.get_all("Classifier", []) if "License ::" in each]
    free = str(data.get("License") or "")
    stated = [str(data.get("License-Expression") or ""), free if len(free) <= 100 else licence_in(free)]
    named = [normalised(each) for each in (*stated, " AND ".join(map(normalised, classifiers)))]
    known = [each for each in named if is_known(each)]
    if known and "LicenseRef-BSD" not in known[0]:
        return known[0]
    by_text = " AND ".join(dict.fromkeys(found for text in texts if (found := licence_in(text))))
    return by_text or next(iter(known), "") or next(filter(None, named), "")


def _project(folder: Path) -> Sequence[Path]:
    """Return a folder and those above it, up to the root of its project."""
    above = [folder, *folder.parents]
    roots = [place for place, each in enumerate(above) if (each / ".git").exists()]
    roots += [place for place, each in enumerate(above) if any((each / mark).exists() for mark in _MARKS)]
    return above[: roots[0] + 1] if roots else above[:1]


def _in_pyproject(folder: Path) -> str:
    try:
        project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    stated = project.get("project", {}).get("license") or project.get("tool", {}).get("poetry", {}).get("license")
    if isinstance(stated, dict):
        text = str(stated.get("text") or "")
        return normalised(text) if len(text) <= 100 else licence_in(text) or UNRECOGNISED
    return normalised(stated) if isinstance(stated, str) else ""


def _in_files(entries: Sequence[Path]) -> str:
    found = [licence_in(text) or UNRECOGNISED for text in _texts(entries)]
    # Several files named LICENSE-MIT, LICENSE-APACHE are a choice by convention.
    if all("-" in each.stem for each in entries if LICENCE_FILE.match(each.name)):
        return " OR ".join(dict.fromkeys(each for each in found if each != UNRECOGNISED)) or "".join(found[:1])
    return " AND ".join(dict.fromkeys(found))


def _texts(entries: Sequence[Path]) -> Iterator[str]:
    for entry in entries:
        if (
            LICENCE_FILE.match(entry.name)
            and entry.is_file()
            and entry.suffix in ("", ".txt", ".md", ".rst", ".lesser")
        ):
            try:
                yield entry.read_bytes()[:_MAX_BYTES].decode("utf-8", "replace")
            except OSError:
                continue
