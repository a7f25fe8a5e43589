"""The frozen records that travel between agents. They hold data and call nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mendloop.executions import (
    CaseResult,
    CaseStatus,
    Integrity,
)
from mendloop.frozen import Frozen

RECORD_VERSION = 1

Role = Literal["proposer", "programmer", "tester", "executor", "critic"]
Origin = Literal["given", "doctest", "reference", "generated"]
Tier = Literal["A", "B", "C"]
Arm = Literal["repair", "resample"]
Purpose = Literal["train", "eval"]

MIN_LIVE_MUTANTS = 5
"""Tiers A and B need a mutation score over at least this many live mutants."""

TRUSTED_ORIGINS: frozenset[Origin] = frozenset({"given", "doctest", "reference"})
"""Anchors: cases that a human wrote or that an executed reference gave. They outrank every generated case."""


# --- tests -----------------------------------------------------------------------------------------------------------


class Case(Frozen):
    """One test. Either a `call` with exactly one of `expect`, `raises`, `check`, or a `stdin`/`stdout` pair.

    Semantics are those of the command line's case files (docs/concepts.md, "Cases").
    """

    id: str
    call: str | None = None
    expect: str | None = None
    raises: str | None = None
    check: str | None = None
    setup: str | None = None
    after: dict[str, str] | None = None
    tolerance: float | None = Field(default=None, ge=0)
    isolated: bool = False
    stdin: str | None = None
    stdout: str | None = None
    origin: Origin = "given"

    @model_validator(mode="after")
    def _one_form(self) -> Case:
        judged = [key for key in ("expect", "raises", "check") if getattr(self, key) is not None]
        if self.call is None:
            if self.stdin is None or self.stdout is None or judged or self.setup or self.after:
                raise ValueError("a case has either `call` or both `stdin` and `stdout`")
        elif self.stdin is not None or self.stdout is not None:
            raise ValueError("a case has either `call` or both `stdin` and `stdout`")
        elif len(judged) != 1:
            raise ValueError("a call needs exactly one of `expect`, `raises`, `check`")
        return self


class Suite(Frozen):
    """Tests from one author, shown to the loop or held out from all but the executor."""

    author: str
    role: Literal["shown", "held_out"]
    cases: tuple[Case, ...]


# --- problems and solutions ------------------------------------------------------------------------------------------


class Parameter(Frozen):
    """One parameter of the entry point: the kinds of value it takes, and literals seen in real use."""

    name: str
    kinds: tuple[str, ...]
    optional: bool = False
    seen: tuple[str, ...] = ()


Evidence = Literal["annotations", "doctests", "call_sites", "tests", "probing", "examples", "proposed"]


class Contract(Frozen):
    """Which inputs are valid, and what says so.

    `predicate` is Python source of `def valid(<the same parameters>) -> bool`, empty where there is none.
    """

    parameters: tuple[Parameter, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    notes: str = ""
    predicate: str = ""


class Source(Frozen):
    """Where a problem's code comes from. `file` is relative to the package or the user's folder.

    What comes of a problem whose `purpose` is `eval` is never exported as training data.
    """

    kind: str
    package: str
    qualname: str
    file: str = ""
    line: int = 0
    licence: str = "unknown"
    version: str = ""
    purpose: Purpose = "train"


class Problem(Frozen):
    """What is asked: the statement and everything a solver may know. `cluster` groups near-duplicate problems."""

    id: str
    statement: str
    entry_point: str
    signature: str
    contract: Contract = Contract()
    examples: tuple[Case, ...] = ()
    source: Source
    versions: dict[str, str] = {}
    cluster: str = ""
    concepts: tuple[str, ...] = ()


class Brief(Frozen):
    """What one session is asked for: a concept of the run's plan, and what exists already and must not come again."""

    concept: str = ""
    avoid: tuple[str, ...] = ()


Stage = Literal["teaching", "learning"]


class Standing(Frozen):
    """Who plays the roles of a run with stages: the teacher (generation 0), or the student after its n-th swap.

    `ancestry` names the models that had the roles, oldest first, each with the split that decided it and the sha256 of
    its weights where they lie on the machine; it is empty before the first swap.
    """

    stage: Stage = "teaching"
    generation: int = 0
    ancestry: tuple[str, ...] = ()


class Fault(Frozen):
    """One injected fault as an edit of the reference's text: `text[start:end]` becomes `after`.

    `start` and `end` are character offsets in the reference, `line` is 1-based, `before` is the text replaced.
    """

    id: str
    operator: str
    kind: str
    line: int
    start: int
    end: int
    before: str
    after: str
    summary: str


class Solution(Frozen):
    """One candidate program with its author's words.

    `injected` lists the faults known to be in it (procedural and injected-fault teams); `undone` those taken out so
    far; `trials` counts the programs that the author tried in the sandbox before handing this one in.
    """

    code: str
    author: str
    note: str = ""
    injected: tuple[Fault, ...] = ()
    undone: tuple[Fault, ...] = ()
    trials: int = 0


VerdictKind = Literal["passed", "code_fault", "test_fault", "spec_fault", "sandbox_fault", "undecided"]


class Verdict(Frozen):
    """What is concluded about one solution: passed, or a named fault; `rule` says which rule decided."""

    kind: VerdictKind
    rule: str
    failing: tuple[str, ...] = ()
    note: str = ""


class Attempt(Frozen):
    """One turn: a solution, what its cases did, and the verdict."""

    turn: int
    code: str
    verdict: Verdict
    cases: tuple[CaseResult, ...]


class Failure(Frozen):
    """The smallest failing case with both sides, as evidence for a diagnosis."""

    case: Case
    expected: str
    observed: str
    status: CaseStatus
    also_failing: int = 0
    passing: int = 0


class Diagnosis(Frozen):
    """Why a candidate failed: the named fault, where, and the words for the programmer.

    `sentence` is the one of the statement that the program violates, where a critic cited one that is there. `by` says
    whose words they are: a critic's, the author's own reflection, a questioner's, or nobody's (then `text` is empty).
    """

    fault: str
    error_type: str
    line: int | None
    symptom: str
    text: str
    lesson: str
    sentence: str = ""
    by: Literal["critic", "reflection", "questioner", "none"] = "critic"


class Reflection(Frozen):
    """A lesson with provenance. `index` is the session's number; `cluster` groups near-duplicate functions."""

    id: str
    session: str
    index: int
    cluster: str
    turn: int
    fault: str
    error_type: str
    concepts: tuple[str, ...] = ()
    symptom: str
    lesson: str
    outcome: Literal["fixed", "not_fixed"]


class Message(Frozen):
    """One message of a dialogue; every message has the same keys."""

    role: Literal["system", "user", "assistant"]
    name: str
    content: str
    train: bool
    turn: int
    verdict: str


class TierEvidence(Frozen):
    """The numbers behind a tier; None means that the check was not run.

    `basis` says where the shown tests have their values from: an executed reference, people (`given`), or nothing
    independent.

    `reference_inputs` are further inputs on which the program was compared with an executed reference and agreed; a
    program that is the reference itself is not compared.

    `peer_inputs` are valid inputs on which peers were compared, all there are where `peer_inputs_all`. `rivals` is the
    size of the largest group of peers that agree with each other and part from the program. `contested_edges` are
    inputs at the edge of the valid ones on which more peers do something else together than do what the program does.
    `doubted_cases` were taken out of the suites as wrong.
    """

    basis: Literal["reference", "given", "peers", "none"]
    shown_cases: int
    added_cases: int = 0
    held_out_cases: int | None = None
    held_out_passed: int | None = None
    mutants_live: int | None = None
    mutants_killed: int | None = None
    peers_agreeing: int | None = None
    peer_inputs: int | None = None
    peer_inputs_all: bool = False
    peers_other_family: int | None = None
    rivals: int | None = None
    contested_edges: int | None = None
    doubted_cases: int = 0
    reference_inputs: int | None = None
    contamination: Literal["not_checked", "clean"] = "not_checked"
    integrity: Integrity = "values"
    isolation: str = ""


class Provenance(Frozen):
    """Who and what made a record. `stage`, `generation` and `ancestry` are its session's `Standing`.

    `method` is the loop's preset and `policy` the rules in which the run differs from it; in the arm `resample` fresh
    programs were written where others are repaired.
    """

    team: str
    method: str = "mendloop"
    policy: dict[str, str] = {}
    arm: Arm = "repair"
    models: dict[str, str] = {}
    weights: dict[str, str] = {}
    prompts: dict[str, str] = {}
    operators: tuple[str, ...] = ()
    seed: int
    stage: Stage | None = None
    generation: int = 0
    ancestry: tuple[str, ...] = ()
    memory: Literal["on", "off"] = "off"


class Record(Frozen):
    """A kept trajectory, version 1 of the canonical form. Views are pure functions of it."""

    version: Literal[1] = 1
    id: str
    session: str
    problem: Problem
    messages: tuple[Message, ...]
    attempts: tuple[Attempt, ...]
    cases: tuple[Case, ...]
    reflections: tuple[Reflection, ...]
    tier: Tier
    evidence: TierEvidence
    provenance: Provenance
