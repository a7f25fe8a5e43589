"""What a group of figures hands to the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mendloop.runs.intervals import Interval, Share


@dataclass(frozen=True)
class Group:
    """Figures by the names of their fields in the report, and intervals by the dotted path of their figure."""

    figures: Mapping[str, object]
    intervals: Mapping[str, Interval | Share | None] = field(default_factory=dict)

    def measured(self) -> dict[str, Interval]:
        """Return the intervals that there are."""
        return {
            path: each.interval if isinstance(each, Share) else each
            for path, each in self.intervals.items()
            if each is not None
        }
