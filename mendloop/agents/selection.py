"""Which failing case to show."""

from mendloop.agents.procedural.changes import smallest_failing

__all__ = ["smallest_failing"]
