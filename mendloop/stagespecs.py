"""What a scenario says of stages: when teacher and student are compared, and when the student takes the roles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mendloop.fields import Count, Share, Spec

GROUNDED_SOURCES = frozenset({"python", "snippets"})
"""Kinds of `Problem.source` that stand on real code."""

PAIRED_EVERY, PAPER_EVERY = 500, 2_000
"""Kept records between two splits, where a scenario does not say it: METHOD's number, and AutoCoder's."""


class Stages(Spec):
    """Teaching and self-learning (AutoCoder, arXiv 2405.14906).

    The teacher plays every role. After every `swap_every` kept records a share `split` of them is frozen, and teacher
    and student each write one program for each of its problems. `paired`: the student takes the roles when an exact
    McNemar test says that it is better (p below `significance`), and gives them back when a later split says the
    reverse. `paper`: when it solved more, for good. Where fewer than `min_grounded` of the kept records stand on real
    code, it does not take them: models that learn from themselves alone collapse.
    """

    swap_every: Count | None = None
    split: Annotated[float, Field(gt=0, le=1)] = 0.1
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    mode: Literal["paired", "paper"] = "paired"
    min_grounded: Share = 0.0

    @property
    def every(self) -> int:
        """The kept records between two splits."""
        return self.swap_every or (PAPER_EVERY if self.mode == "paper" else PAIRED_EVERY)
