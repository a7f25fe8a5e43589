"""What a scenario says of where its problems come from."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from mendloop.fields import Count, Spec, Text
from mendloop.records import Purpose


class PythonSource(Spec):
    """Python functions of a package that is installed ("stdlib" is the standard library's own), or of a folder.

    Programs longer than `max_lines` are left out: a small model cannot write them down again.
    """

    kind: Literal["python"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")] | None = None
    path: Annotated[str, StringConstraints(min_length=1)] | None = None
    max_lines: Count | None = None

    @model_validator(mode="after")
    def _one_place(self) -> PythonSource:
        if (self.package is None) == (self.path is None):
            raise ValueError("needs exactly one of `package` and `path`")
        return self


class SnippetSource(Spec):
    """A folder or file of real code; the model takes ideas for problems from it (OSS-Instruct)."""

    kind: Literal["snippets"]
    path: Text


class InstructionSource(Spec):
    """Given instructions, one a line of a `.jsonl`, `.txt` or `.md` file; the model makes them precise."""

    kind: Literal["instructions"]
    path: Text


class GoalSource(Spec):
    """The goal in words: the model plans concepts and states problems about them, from snippets where a `path` is."""

    kind: Literal["goal"]
    path: Text | None = None


class FailureSource(Spec):
    """A model's own wrong programs, with prompts and tests, one a line of a `.jsonl` file."""

    kind: Literal["failures"]
    path: Text


class ProblemSource(Spec):
    """Given problems, one a line of a `.jsonl` file: HumanEval's form, MBPP's, or ours.

    `purpose: eval` marks what comes of them, and none of it is ever exported as training data.
    """

    kind: Literal["problems"]
    path: Text
    purpose: Purpose


SourceSpec: TypeAlias = Annotated[
    PythonSource | SnippetSource | InstructionSource | GoalSource | FailureSource | ProblemSource,
    Field(discriminator="kind"),
]
