"""A tracer for the small programs of these tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from mendloop.executions import Raised, Step
from mendloop.records import Case, Diagnosis, Failure

MOST_STEPS = 300


class Cut(BaseException):
    """The program took too many steps."""


@dataclass(frozen=True)
class Run:
    """What one call did."""

    status: str
    text: str
    error: Raised | None
    trace: tuple[Step, ...]


@pytest.fixture(scope="session")
def traced() -> Callable[[str, str], Run]:
    """Return the function that runs a call of a program and records its lines."""
    return run


@pytest.fixture(scope="session")
def diagnosed() -> Callable[[str, str, str], Diagnosis]:
    """Return the function that diagnoses a faulty program from one call, beside a reference."""

    def diagnosis_of(faulty: str, reference: str, call: str) -> Diagnosis:
        from mendloop.agents.procedural.diagnosis import diagnose

        right, wrong = run(reference, call), run(faulty, call)
        expects = {"raises": right.text.split()[1].strip(":")} if right.error else {"expect": right.text}
        status: Any = {"returned": "fail", "raised": "error", "cut": "timeout"}[wrong.status]
        failure = Failure(
            case=Case(id="c1", call=call, **expects), expected=right.text, observed=wrong.text, status=status, passing=3
        )
        return diagnose(
            failure,
            call_text=call,
            faulty_code=faulty,
            reference_code=reference,
            faulty_trace=wrong.trace,
            reference_trace=right.trace,
            observed_error=wrong.error,
        )

    return diagnosis_of


def run(code: str, call: str) -> Run:
    """Run a call of a program under a tracer."""
    names: dict[str, Any] = {}
    exec(compile(code, "<program>", "exec"), names)
    recorder = _Recorder()
    before = sys.gettrace()
    sys.settrace(recorder.enter)
    try:
        value = eval(call, names)
    except Cut:
        return Run("cut", "timed out", None, tuple(recorder.steps))
    except Exception as error:
        sys.settrace(before)
        return _raised(error, recorder)
    finally:
        sys.settrace(before)
    return Run("returned", repr(value), None, tuple(recorder.steps))


def _raised(error: Exception, recorder: _Recorder) -> Run:
    line, deeper = None, error.__traceback__
    while deeper:
        line = deeper.tb_lineno if deeper.tb_frame.f_code.co_filename == "<program>" else line
        deeper = deeper.tb_next
    name = type(error).__name__
    raised = Raised(type=name, base=name, builtin=True, message=str(error), line=line)
    return Run("raised", f"raises {name}: {error}", raised, tuple(recorder.steps))


class _Recorder:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.seen: dict[FrameType, dict[str, str]] = {}
        self.depth = 0

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != "<program>":
            return None
        self.depth += 1
        return self.step

    def step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "return":
            self.depth -= 1
        if event == "line":
            now = {name: repr(value) for name, value in frame.f_locals.items()}
            known = self.seen.setdefault(frame, {})
            changed = {name: text for name, text in now.items() if known.get(name) != text}
            known.update(changed)
            self.steps.append(Step(line=frame.f_lineno, depth=self.depth, changed=changed))
            if len(self.steps) >= MOST_STEPS:
                raise Cut
        return self.step
