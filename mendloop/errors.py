"""What can go wrong, as people see it.

    MendloopError
    |-- InputError            2  wrong input or setting; nothing was started
    |   |-- ScenarioError        a scenario file or a `--set`
    |   |-- SourceError          a source that has nothing usable
    |   `-- IsolationError       no sandbox isolates on this machine
    |-- FoundBad              1  checked, and found bad
    |   |-- DamageError          the run store is not what was written
    |   |-- DivergedError        a replay asked for something else than the journal holds
    |   `-- RedactedError        what is needed was erased on purpose
    |-- Stopped               3  stopped and resumable
    |   |-- StorageError         the run store cannot be written (a full disk, a lock)
    |   |-- ProviderError        a model's endpoint does not answer, or refuses
    |   `-- AlarmError           the run's own figures say that it fools itself
    |-- BudgetError           4  budget or quota used up; resumable
    `-- SandboxError          3  the sandbox failed (not the program in it); retried first

A failing program is data and never an exception. A failing provider is one of these.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FOUND_BAD = 1
EXIT_INPUT = 2
EXIT_STOPPED = 3
EXIT_BUDGET = 4
EXIT_INTERRUPTED = 130


class MendloopError(Exception):
    """An error that a person can act on: what happened, where, and what to do next."""

    exit_code = EXIT_STOPPED

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what)

    def __str__(self) -> str:
        """Return one line: `where: what (remedy)`."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.remedy})" if self.remedy else line


class InputError(MendloopError):
    """Wrong input or setting; nothing was started."""

    exit_code = EXIT_INPUT


class ScenarioError(InputError):
    """A scenario file or a `--set` that cannot be used; `where` names file and line."""


class SourceError(InputError):
    """A source of problems that is missing, unreadable or empty."""


class IsolationError(InputError):
    """No sandbox on this machine isolates; nothing untrusted was run."""


class FoundBad(MendloopError):  # noqa: N818 - it names a finding, not a failure of ours
    """Something was checked and found bad."""

    exit_code = EXIT_FOUND_BAD


class DamageError(FoundBad):
    """The run store does not hold what was written to it."""


class DivergedError(FoundBad):
    """A session asked for something else than its journal holds under the same key."""


class RedactedError(FoundBad):
    """Content that is needed was erased on purpose."""


class Stopped(MendloopError):  # noqa: N818 - a clean, resumable end
    """The run stopped cleanly and can be resumed."""


class StorageError(Stopped):
    """The run store cannot be written now."""


class ProviderError(Stopped):
    """A model's endpoint does not answer any more, or refuses what it is asked; `reason` is what a run ends with."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "", reason: str = "no_answer") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.reason = reason


class AlarmError(Stopped):
    """The run's own figures say that its records cannot be trusted."""

    reason = "held_out_alarm"


class BudgetError(MendloopError):
    """A budget or a quota is used up; the run can be resumed. `reason` is what a run ends with."""

    exit_code = EXIT_BUDGET

    def __init__(self, what: str, *, where: str = "", remedy: str = "", reason: str = "quota") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.reason = reason


class SandboxError(MendloopError):
    """The sandbox failed, not the program in it."""
