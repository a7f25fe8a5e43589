"""Where MENDLOOP_FORBID_SKIPS is set, a test that did not run fails the session: a skip there would hide a gap.

A skip that is right by nature on the machine it happens on is allowed by the mark `may_skip` on the test, its class or
its module; the reason of the skip says why. A module that is skipped while it is collected has no marks: it counts.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

FORBID = "MENDLOOP_FORBID_SKIPS"
ALLOWED = "may_skip"

settings.register_profile("mendloop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mendloop")  # a busy machine fails no test


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and the watch where it was asked for."""
    config.addinivalue_line("markers", f"{ALLOWED}: a skip of this test is right by nature, even where {FORBID} is set")
    if os.environ.get(FORBID):
        config.pluginmanager.register(NoSkips())


class NoSkips:
    """Fails a session in which tests were skipped or expected to fail, and lists them.

    With several processes the reports of all arrive at the one that ends the session.
    """

    def __init__(self) -> None:
        self._unrun: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that did not run to its verdict."""
        if report.skipped and ALLOWED not in report.keywords:
            self._unrun[report.nodeid] = _reason(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that was skipped as a whole."""
        if report.skipped:
            self._unrun[report.nodeid] = _reason(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a session that else would pass."""
        if self._unrun and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List what did not run."""
        if not self._unrun:
            return
        terminalreporter.section(f"{len(self._unrun)} not run, and {FORBID} is set", red=True, bold=True)
        for name, reason in sorted(self._unrun.items()):
            terminalreporter.line(f"{name}: {reason}")
        terminalreporter.line(f"Give this machine what they need, or mark `{ALLOWED}` what cannot run here by nature.")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test did not run, as it was said where it was skipped."""
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
