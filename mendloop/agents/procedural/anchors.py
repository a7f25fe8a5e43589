"""Checking the examples that people wrote against the code they are about."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence

from mendloop.agents.procedural.literals import Relation
from mendloop.records import Case, Outcome
