"""What a sandbox is asked and what it answers: frozen records that hold data and call nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from mendloop.frozen import Frozen


class Limits(Frozen):
    """What one execution may use. Time is per case; the rest is for the whole child."""

    cpu_s: float = Field(default=5.0, gt=0)
    wall_s: float = Field(default=10.0, gt=0)
    memory_mb: int = Field(default=512, gt=0)
    pids: int = Field(default=64, gt=0)
    disk_mb: int = Field(default=64, gt=0)
    output_mb: float = Field(default=1.0, gt=0)


class Call(Frozen):
    """What goes into the sandbox for one case: never an expected value."""

    id: str
    call: str | None = None
    setup: str | None = None
    after: tuple[str, ...] = ()
    stdin: str | None = None
    isolated: bool = False


Profile = Literal["stdlib", "pytest", "scientific"]
Backend = Literal["local", "bwrap", "e2b", "unsafe-local"]
SandboxKind = Literal["auto", Backend]


class Request(Frozen):
    """One sandbox call: a program and the calls to make in order, or `tests`, a pytest file that imports `solution`.

    `language` is a name of mendloop.tools.sandbox.languages. `profile` says which packages a Python program can import.
    `hash_seed` is PYTHONHASHSEED of the interpreter. `trace` asks for the executed lines of the program itself.
    With `give_up`, nothing more is run in a process that follows a death or a time-out: those calls are missing.
    """

    code: str
    calls: tuple[Call, ...] = ()
    limits: Limits = Limits()
    language: str = "python"
    profile: Profile = "stdlib"
    tests: str | None = None
    hash_seed: int = 0
    trace: bool = False
    give_up: bool = False


class Raised(Frozen):
    """An exception as seen from outside: `base` is the nearest built-in class, `builtin` when it is that class."""

    type: str
    base: str
    builtin: bool
    message: str
    line: int | None = None


class Step(Frozen):
    """One executed line of the program: 1-based line, call depth, and the locals that changed before it (as repr)."""

    line: int
    depth: int
    changed: dict[str, str] = {}


OutcomeStatus = Literal["returned", "raised", "timeout", "memory", "missing", "unencodable"]


class Outcome(Frozen):
    """What one call did. `value` and `after` hold tagged values (mendloop.tools.values)."""

    id: str
    status: OutcomeStatus
    value: JsonValue = None
    after: dict[str, JsonValue] = {}
    error: Raised | None = None
    stdout: str | None = None
    trace: tuple[Step, ...] = ()
    ms: float = 0.0


ProgramStatus = Literal[
    "ok", "no_result", "timeout", "memory", "disk", "pids", "output_limit", "crash", "sandbox_error"
]
Integrity = Literal["values", "inproc"]


class Execution(Frozen):
    """The raw outcome of a sandbox call."""

    status: ProgramStatus
    isolation: str
    integrity: Integrity = "values"
    outcomes: tuple[Outcome, ...] = ()
    stdout: str = ""
    stderr: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_rss_mb: float = 0.0
    message: str = ""


CaseStatus = Literal["pass", "fail", "error", "timeout", "memory", "missing", "unencodable"]


class CaseResult(Frozen):
    """The host's judgement of one case. `got` is a literal text; `error` is `Type: message`."""

    id: str
    status: CaseStatus
    got: str | None = None
    error: str | None = None
    ms: float = 0.0


class ProgramResult(Frozen):
    """The judged outcome of one program and its cases."""

    id: str = ""
    status: ProgramStatus
    isolation: str
    integrity: Integrity
    cases: tuple[CaseResult, ...]
    stdout: str = ""
    stderr: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_rss_mb: float = 0.0

    @property
    def passed(self) -> bool:
        """True when the program ended well and every case passed; False when there was no case."""
        return self.status == "ok" and bool(self.cases) and all(case.status == "pass" for case in self.cases)


class Probe(Frozen):
    """One layer of a sandbox as a dry run found it; `remedy` says how to mend what does not hold."""

    layer: str
    ok: bool
    detail: str = ""
    remedy: str = ""
