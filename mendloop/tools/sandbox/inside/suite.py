"""A pytest file together with the program it tests, in one process: what it reports could be forged by the program."""

# ruff: noqa: PTH123
# pathlib would be loaded into every child
from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from . import program
from .encode import quote

if TYPE_CHECKING:
    import pytest

SOLUTION, SUITE = "solution.py", "test_suite.py"
_MAX_TEXT = 2_000
_UNUSED = ("cacheprovider", "logging", "faulthandler", "junitxml", "pastebin", "doctest")
_OPTIONS = ("-q", "--tb=short", *(word for name in _UNUSED for word in ("-p", f"no:{name}")))


class Reporter:
    """Sends one frame for every test as soon as its outcome is known."""

    def __init__(self) -> None:
        self.count = 0
        self._done: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell about a test when its call is over, or when setup or teardown went wrong."""
        if report.when != "call" and report.passed:
            return
        if report.nodeid in self._done and not report.failed:
            return
        self._done.add(report.nodeid)
        self._tell(report.nodeid, _status(report), "" if report.passed else report.longreprtext, report.duration)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell about a file or class that cannot be collected."""
        if report.failed:
            self._tell(report.nodeid or SUITE, "error", report.longreprtext, 0.0)

    def _tell(self, name: str, status: str, text: str, seconds: float) -> None:
        self.count += 1
        short = text[-_MAX_TEXT:].encode("utf-8", "backslashreplace").decode()
        ms = round(seconds * 1000, 3)
        program.send(program.TEST, 0, f'{{"id":{quote(name)},"status":"{status}","ms":{ms},"text":{quote(short)}}}')


def _status(report: pytest.TestReport) -> str:
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return "skipped" if report.skipped else "passed"


def run(code: str, tests: str) -> NoReturn:
    """Run the tests and tell each outcome, then how many there were; never returns. The worker has loaded pytest."""
    import pytest

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name, text in ((SOLUTION, code), (SUITE, tests)):
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    sys.path.insert(0, ".")
    reporter = Reporter()
    began = program.clock()
    program.send(program.LOADED, 0, "")
    try:
        ended = int(pytest.main([*_OPTIONS, "--rootdir=.", "-c", "/dev/null", SUITE], plugins=[reporter]))
    except BaseException as error:
        program.report(0, error, began, "")
    else:
        value = f'["list",[{ended},{reporter.count}]]'
        program.send(program.OUTCOME, 0, f'{{"status":"returned","ms":{program.since(began)},"value":{value}}}')
    program.finish()
