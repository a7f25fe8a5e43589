"""What follows a journal slot when the same is asked again."""

from __future__ import annotations

AGAIN = "/again"
"""With what was wrong with the answer."""
LONGER = "/longer"
"""With more room for the answer."""
SHORTER = "/shorter"
"""With less of what was said before."""
