from __future__ import annotations

from tests.graphs.conftest import sandbox, store

__all__ = ["sandbox", "store"]
