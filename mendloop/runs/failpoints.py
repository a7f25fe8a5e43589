"""Named places where a test ends the process or lets the disk refuse, to see what is left behind.

No setting, option or variable reaches them: a test starts the program from a script of its own that calls `arm` first.
Unarmed, a place costs one comparison, and the places lie on the path of a group commit or a file, never of an event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Place = Literal[
    "between blobs and events",
    "within the roll-up",
    "before a commit",
    "after a commit",
    "within the head file",
    "within an export",
]
"""In the order in which a run comes past them. `after a commit`: nobody has been told of it yet. `within`: something is
written, and what makes it whole is not."""

_armed: Callable[[Place], None] | None = None


def arm(reached: Callable[[Place], None] | None) -> None:
    """Call `reached` at every place from now on, in the thread that comes past it; None disarms."""
    global _armed  # noqa: PLW0603 - handed in, it would be a parameter of every function between a test and the places
    _armed = reached


def passing(place: Place) -> None:
    """Say that the program has come to a place. Raises what a test wants to happen there."""
    if _armed is not None:
        _armed(place)
