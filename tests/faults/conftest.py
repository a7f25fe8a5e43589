"""Fixtures of other folders that tests of faults use too."""

from __future__ import annotations

from tests.e2e.conftest import finished, project
from tests.e2e.test_e2e_disk_full import small_disk
from tests.runs.test_runs_verify import written

__all__ = ["finished", "project", "small_disk", "written"]
