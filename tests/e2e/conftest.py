"""One finished run that many tests read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.product import run_ok, write_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario beside a small folder of code."""
    return write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the project. Tests only read it."""
    run = tmp_path_factory.mktemp("finished") / "run"
    run_ok("run", project, "--out", run)
    return run
