"""When a role has nothing to give."""

from __future__ import annotations


class Unanswered(Exception):  # noqa: N818 - an outcome of a session, not an error of ours
    """A role that a model plays gave nothing usable; the text is the reason that ends the session."""
