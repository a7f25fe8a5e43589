"""Lets tests import what they share as `tests.datasets...`, however they are started."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
