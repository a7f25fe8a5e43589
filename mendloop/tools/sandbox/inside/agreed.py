"""What the host and a worker agree on: plain values, so that a host loads nothing here that only Linux has."""

from __future__ import annotations

BUILD = "/build"
"""Where a program that was translated lies while it runs."""

BUILD_PATIENCE = 6
"""How many times the time of a case a translation may take."""

SHIM = ".shim"
"""What the shim of a language is called in the scratch folder."""

BUILD_MB = 512
"""What the build folder may hold, and the least memory that a compiler has."""
