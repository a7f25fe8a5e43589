"""The languages that programs may be written in besides Python: one row each, and nothing else knows their names."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mendloop.errors import InputError
from mendloop.tools.sandbox.inside.agreed import BUILD, SHIM

PYTHON, SQL = "python", "sql"
_SHIMS = Path(__file__).parent / "shims"
_PROGRAM = f"{BUILD}/program"


class Language(NamedTuple):
    """How programs of a language run. The first words of `run` and `build` are commands on the search path.

    `file` is what the program is called in the scratch folder, where commands start. `build` fills the folder /build,
    which `run` reads. With a `shim` calls are answered by values, else a case is text in and text out. `overhead_mb`
    is what the interpreter itself takes before the program does anything; `package` is where Debian has it. One that
    `looks_for_itself` finds its parts through /proc/self/exe: programs see no /proc, but there they have a link.
    """

    file: str
    run: tuple[str, ...]
    package: str
    build: tuple[str, ...] = ()
    shim: str = ""
    looks_for_itself: bool = False
    address_space: bool = True
    overhead_mb: int = 16
    also: tuple[str, ...] = ()


LANGUAGES: dict[str, Language] = {
    "javascript": Language(
        "solution.js",
        ("node", "--no-warnings", "--stack-size=900", SHIM),
        "nodejs",
        shim="javascript.js",
        address_space=False,
        overhead_mb=96,
    ),
    "bash": Language("solution.sh", ("bash", "--norc", "--noprofile", "solution.sh"), "bash"),
    "cpp": Language(
        "solution.cpp",
        (_PROGRAM,),
        "g++",
        build=("g++", "-std=c++20", "-O1", "-o", _PROGRAM, "solution.cpp"),
    ),
    "java": Language(
        "Main.java",
        (
            "java",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-Xshare:auto",
            "-cp",
            BUILD,
            "Main",
        ),
        "default-jdk-headless",
        build=("javac", "-J-XX:+UseSerialGC", "-J-XX:-UsePerfData", "-d", BUILD, "Main.java"),
        address_space=False,
        looks_for_itself=True,
        overhead_mb=192,
        also=("/etc/java-*",),
    ),
    "go": Language(
        "main.go",
        (_PROGRAM,),
        "golang-go",
        build=("go", "build", "-o", _PROGRAM, "main.go"),
        address_space=False,
        overhead_mb=32,
    ),
    "lua": Language("solution.lua", ("lua5.4", "solution.lua"), "lua5.4"),
    "perl": Language("solution.pl", ("perl", "solution.pl"), "perl", also=("/etc/perl",)),
    "r": Language(
        "solution.R",
        ("Rscript", "--vanilla", "solution.R"),
        "r-base-core",
        address_space=False,
        overhead_mb=128,
        also=("/etc/R",),
    ),
    "racket": Language(
        "solution.rkt",
        ("racket", "solution.rkt"),
        "racket",
        looks_for_itself=True,
        address_space=False,
        overhead_mb=160,
        also=("/etc/racket",),
    ),
    "ocaml": Language("solution.ml", ("ocaml", "solution.ml"), "ocaml", overhead_mb=64),
}
NAMES = (PYTHON, SQL, *LANGUAGES)


def language(name: str) -> Language:
    """Return a row of the table. Raises InputError for a name that is not in it."""
    if name not in LANGUAGES:
        raise InputError(f"unknown language {name!r}", remedy=f"known: {', '.join(NAMES)}")
    return LANGUAGES[name]


def shim_of(row: Language) -> str:
    """Return the text of a language's shim, empty where it has none."""
    return (_SHIMS / row.shim).read_text("utf-8") if row.shim else ""


def is_built(word: str) -> bool:
    """Tell whether a word of a command is what the translation makes, and not a file of this machine."""
    return word.startswith(f"{BUILD}/")


def located(name: str, command: tuple[str, ...]) -> list[str]:
    """Return a command with the path of its program on this machine.

    Raises InputError, saying what to install, when this machine does not have it.
    """
    if not command or is_built(command[0]):
        return list(command)
    return [str(program(name, command[0])), *command[1:]]


@cache
def program(name: str, command: str) -> Path:
    """Return the path of a language's command. Raises InputError where there is none."""
    found = shutil.which(command)
    if found is None:
        package = language(name).package
        raise InputError(
            f"{name} is not installed: no `{command}` here", remedy=f"on Debian: apt-get install {package}"
        )
    return Path(found).resolve()  # interpreters look for their parts beside the file itself


def missing(name: str) -> str:
    """Return what a machine lacks for a language, or an empty text."""
    row = language(name)
    try:
        located(name, row.run)
        located(name, row.build)
    except InputError as error:
        return f"{error.what}; {error.remedy}"
    return ""
