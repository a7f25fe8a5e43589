"""mendloop synthesises verified, multi-turn repair data for code models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mendloop.api import Run, open_run, run

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "open_run", "run"]


def __getattr__(name: str) -> Any:
    """Load the programming interface on first use, so that `import mendloop` stays light."""
    if name in {"Run", "open_run", "run"}:
        from mendloop import api

        return getattr(api, name)
    raise AttributeError(f"module 'mendloop' has no attribute {name!r}")
