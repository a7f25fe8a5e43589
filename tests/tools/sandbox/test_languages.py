"""Programs in other languages: the same promises, as far as each language is installed here."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from mendloop.errors import InputError
from mendloop.executions import Call, Limits, Outcome, ProgramResult, Raised, Request
from mendloop.records import Case
from mendloop.tools.judging import calls_of, judge
from mendloop.tools.sandbox import languages
from mendloop.tools.sandbox.languages import LANGUAGES, Language, located, missing
from mendloop.tools.sandbox.link import Isolation
from mendloop.tools.sandbox.local import LocalSandbox
from mendloop.tools.values import render

LIMITS = Limits(cpu_s=20, wall_s=120)


class Doubling(NamedTuple):
    """A program that doubles a number from stdin and exits with 1 for 0, and one that does not get that far."""

    right: str
    broken: str


PROGRAMS = {
    "javascript": Doubling(
        "const n = Number(require('fs').readFileSync(0, 'utf8'));\nconsole.log(n * 2);\nprocess.exit(n === 0 ? 1 : 0);\n",
        "console.log(;\n",
    ),
    "bash": Doubling("read n\necho $((n * 2))\nexit $((n == 0))\n", "if\n"),
    "cpp": Doubling(
        "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << n * 2 << std::endl; return n == 0; }\n",
        "int main() { return x; }\n",
    ),
    "java": Doubling(
        "import java.util.Scanner;\npublic class Main {\n  public static void main(String[] a) {\n"
        "    int n = new Scanner(System.in).nextInt();\n    System.out.println(n * 2);\n"
        "    if (n == 0) System.exit(1);\n  }\n}\n",
        "public class Main { int f() { return x; } }\n",
    ),
    "go": Doubling(
        'package main\nimport ("fmt"; "os")\nfunc main() {\n\tvar n int\n\tfmt.Scan(&n)\n\tfmt.Println(n * 2)\n'
        "\tif n == 0 { os.Exit(1) }\n}\n",
        "package main\nfunc main() { x }\n",
    ),
    "lua": Doubling("local n = io.read('n')\nprint(n * 2)\nos.exit(n ~= 0)\n", "print(\n"),
    "perl": Doubling('my $n = <STDIN>; print $n * 2, "\\n"; exit($n == 0);\n', "print (;\n"),
    "r": Doubling(
        "n <- as.integer(readLines('stdin', 1)); cat(n * 2, '\\n', sep = ''); quit(status = as.integer(n == 0))\n",
        "cat(\n",
    ),
    "racket": Doubling(
        "#lang racket/base\n(define n (read))\n(displayln (* 2 n))\n(exit (if (= n 0) 1 0))\n", "#lang racket/base\n(\n"
    ),
    "ocaml": Doubling(
        "let n = read_int () in print_endline (string_of_int (n * 2)); exit (if n = 0 then 1 else 0)\n", "let\n"
    ),
}


ON_THIS_MACHINE: tuple[Isolation, ...] = ("local", *(("bwrap",) if shutil.which("bwrap") else ()))


@pytest.fixture
async def sandbox() -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox(workers=1) as opened:
        yield opened


async def judged(sandbox: LocalSandbox, language: str, code: str, *cases: Case) -> ProgramResult:
    request = Request(code=code, calls=calls_of(cases, language), language=language, limits=LIMITS)
    return await judge(cases, await sandbox.run(request), sandbox, LIMITS)


def test_every_language_of_the_table_is_tried() -> None:
    assert set(PROGRAMS) == set(LANGUAGES)


@pytest.fixture(params=ON_THIS_MACHINE)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[LocalSandbox]:
    isolation: Isolation = request.param
    async with LocalSandbox(1, isolation) as opened:
        yield opened


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_that_reads_and_prints(backend: LocalSandbox, name: str) -> None:
    cases = (
        Case(id="right", stdin="4\n", stdout="8\n"),
        Case(id="wrong", stdin="4\n", stdout="9\n"),
        Case(id="failing", stdin="0\n", stdout="0\n"),
    )
    if lacking := missing(name):
        with pytest.raises(InputError, match="apt-get install"):
            await judged(backend, name, PROGRAMS[name].right, *cases)
        assert "not installed" in lacking
        return
    done = await judged(backend, name, PROGRAMS[name].right, *cases)
    assert (done.status, done.integrity, done.isolation) == ("ok", "values", backend.isolation)
    assert [case.status for case in done.cases] == ["pass", "fail", "error"]
    assert done.cases[2].error == "ExitStatus: exit status 1"
    broken = await judged(backend, name, PROGRAMS[name].broken, *cases)
    assert not broken.passed
    assert {case.status for case in broken.cases} == {"error"}


async def test_nothing_of_the_host_is_there_for_other_languages(sandbox: LocalSandbox) -> None:
    code = (
        "cat /etc/shadow /etc/passwd /root/.ssh/id_rsa /proc/1/environ\nls /home /var /proc/1\necho x > /usr/x; id -u\n"
    )
    done = await sandbox.run(Request(code=code, calls=(Call(id="a", stdin=""),), language="bash", limits=LIMITS))
    assert done.outcomes[0].stdout == "1000\n"


async def test_a_time_out_and_a_flood_end_a_foreign_program(sandbox: LocalSandbox) -> None:
    short = Limits(cpu_s=0.3, wall_s=30, output_mb=0.01)
    loop = Request(code="while :; do :; done\n", calls=(Call(id="a", stdin=""),), language="bash", limits=short)
    done = await sandbox.run(loop)
    assert (done.status, done.outcomes[0].status) == ("timeout", "timeout")
    flood = loop.model_copy(update={"code": "while :; do echo xxxxxxxxxxxxxxxxxxxxxxx; done\n"})
    assert (await sandbox.run(flood)).status == "output_limit"


async def test_a_signal_is_a_crash_of_a_foreign_program(backend: LocalSandbox) -> None:
    if missing("cpp"):
        assert "g++" in missing("cpp")
        return
    code = "#include <iostream>\nint main() { int n = 0; std::cin >> n; if (n) return n; volatile int *p = 0; return *p; }\n"
    calls = (Call(id="crash", stdin=""), Call(id="exit", stdin="7"))
    done = await backend.run(Request(code=code, calls=calls, language="cpp", limits=LIMITS))
    assert (done.status, [outcome.status for outcome in done.outcomes]) == ("crash", ["missing", "raised"])
    assert done.outcomes[1].error is not None
    assert done.outcomes[1].error.message == "exit status 7"


async def test_what_a_compiler_makes_may_be_large(backend: LocalSandbox) -> None:
    if missing("cpp"):
        assert "g++" in missing("cpp")
        return
    code = "char filled[8 << 20] = {1};\nint main() { return filled[1]; }\n"
    done = await backend.run(Request(code=code, calls=(Call(id="a", stdin=""),), language="cpp", limits=LIMITS))
    assert (done.status, done.outcomes[0].status) == ("ok", "returned")


async def test_what_the_compiler_says_is_the_error_of_every_case(sandbox: LocalSandbox) -> None:
    if missing("cpp"):
        assert "g++" in missing("cpp")
        return
    done = await judged(sandbox, "cpp", PROGRAMS["cpp"].broken, Case(id="a", stdin="", stdout=""))
    assert done.cases[0].error is not None
    assert done.cases[0].error.startswith("CompileError: ")
    assert "x" in done.cases[0].error


def test_a_command_that_is_not_there_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Language("a.x", ("no-such-command-here", "a.x"), "the-package")
    monkeypatch.setitem(languages.LANGUAGES, "x", row)
    with pytest.raises(InputError) as refused:
        located("x", row.run)
    assert refused.value.remedy == "on Debian: apt-get install the-package"
    assert missing("x") == "x is not installed: no `no-such-command-here` here; on Debian: apt-get install the-package"


async def test_an_unknown_language_names_those_there_are(sandbox: LocalSandbox) -> None:
    with pytest.raises(InputError, match="cobol") as refused:
        await sandbox.run(Request(code="", calls=(Call(id="a", stdin=""),), language="cobol"))
    assert "javascript" in refused.value.remedy


@pytest.mark.parametrize(
    ("language", "calls"),
    [
        ("bash", [Call(id="a", call="f()")]),
        ("sql", [Call(id="a", stdin="")]),
        ("javascript", [Call(id="a", call="f()"), Call(id="b", stdin="")]),
    ],
)
async def test_cases_that_a_language_cannot_answer_are_refused(
    sandbox: LocalSandbox, language: str, calls: list[Call]
) -> None:
    with pytest.raises(InputError, match="case"):
        await sandbox.run(Request(code="", calls=tuple(calls), language=language))


# --- SQL -------------------------------------------------------------------------------------------------------------

TABLES = "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (2, 'x;y'), (1, NULL);"


async def test_a_query_is_judged_by_its_rows(sandbox: LocalSandbox) -> None:
    cases = (
        Case(id="rows", setup=TABLES, call="solution", expect="[(1, None), (2, 'x;y')]"),
        Case(id="wrong order", setup=TABLES, call="solution", expect="[(2, 'x;y'), (1, None)]"),
        Case(id="other rows", setup="CREATE TABLE t (a, b)", call="solution", expect="[]"),
        Case(id="a check", setup=TABLES, call="solution", check="len(result) == 2"),
        Case(id="no table", call="solution", expect="[]"),
    )
    done = await judged(sandbox, "sql", "SELECT a, b FROM t\nORDER BY a; -- ;", *cases)
    assert [case.status for case in done.cases] == ["pass", "fail", "pass", "pass", "error"]
    assert done.cases[4].error == "OperationalError: no such table: t"


async def test_a_statement_that_changes_rows_is_judged_by_a_query_after_it(sandbox: LocalSandbox) -> None:
    case = Case(id="a", setup=TABLES, call="SELECT sum(a) FROM t", expect="[(12,)]")
    done = await judged(sandbox, "sql", "UPDATE t SET a = 10 WHERE b = 'x;y'; UPDATE t SET a = 2 WHERE a = 1;", case)
    assert done.passed


async def test_each_sql_case_has_a_database_of_its_own_and_reaches_no_file(sandbox: LocalSandbox) -> None:
    code = "INSERT INTO t VALUES (7, 'z'); SELECT count(*) FROM t"
    cases = [Case(id=str(n), setup=TABLES, call="solution", expect="[(3,)]") for n in range(2)]
    assert (await judged(sandbox, "sql", code, *cases)).passed
    attach = "ATTACH '/etc/passwd' AS p; SELECT * FROM p.sqlite_master"
    done = await judged(sandbox, "sql", attach, Case(id="a", call="solution", expect="[]"))
    assert done.cases[0].status == "error"


# --- JavaScript ------------------------------------------------------------------------------------------------------

needs_node = pytest.mark.skipif(bool(missing("javascript")), reason="node is not installed")


async def javascript(sandbox: LocalSandbox, code: str, *calls: str | Call) -> tuple[Outcome, ...]:
    made = tuple(call if isinstance(call, Call) else Call(id=str(n), call=call) for n, call in enumerate(calls))
    return (await sandbox.run(Request(code=code, calls=made, language="javascript", limits=LIMITS))).outcomes


@needs_node
async def test_javascript_values_come_back_by_exact_type(sandbox: LocalSandbox) -> None:
    done = await javascript(
        sandbox,
        "const f = (x) => x;",
        "f(null)",
        "f(undefined)",
        "f([1, 1.5, -0, NaN, Infinity, true])",
        "f('a\\ud800é')",
        "f({b: 1, a: [2]})",
        "f(new Map([[1, 'x']]))",
        "f(new Set([3]))",
        "2n ** 70n",
        "(function* () { yield 1; })()",
        "Promise.resolve(5)",
    )
    assert [render(outcome.value) for outcome in done] == [
        "None",
        "None",
        "[1, 1.5, -0.0, nan, inf, True]",
        "'a\\ud800é'",
        "{'b': 1, 'a': [2]}",
        "{1: 'x'}",
        "{3}",
        str(2**70),
        "iter([1])",
        "5",
    ]


@needs_node
async def test_javascript_exceptions_and_what_cannot_be_compared(sandbox: LocalSandbox) -> None:
    code = (
        "class Odd extends RangeError {}\nfunction f(x) {\n  if (x === 1) throw new Odd('no');\n  return new Odd();\n}\n"
        "function g() { return function* () { while (true) yield 1; }(); }\n"
    )
    done = await javascript(sandbox, code, "f(1)", "f(2)", "g()", "null.x", "f", "(() => { throw 5; })()")
    assert [outcome.status for outcome in done] == [
        "raised",
        "unencodable",
        "unencodable",
        "raised",
        "unencodable",
        "raised",
    ]
    assert done[0].error == Raised(type="Odd", base="RangeError", builtin=False, message="no", line=3)
    assert done[3].error is not None
    assert (done[3].error.type, done[3].error.builtin) == ("TypeError", True)


@needs_node
async def test_javascript_cases_are_judged_like_any_others(sandbox: LocalSandbox) -> None:
    code = "module.exports = { push(s, x) { s.push(x); return s.length; }, bad() { throw new RangeError('r'); } };\n"
    cases = (
        Case(id="after", setup="var s = [1];", call="push(s, 2)", expect="2", after={"s": "[1, 2]"}),
        Case(id="raises", call="bad()", raises="RangeError"),
        Case(id="wrong class", call="bad()", raises="TypeError"),
        Case(id="check", call="push([], 0)", check="result == 1"),
    )
    done = await judged(sandbox, "javascript", code, *cases)
    assert [case.status for case in done.cases] == ["pass", "pass", "error", "pass"]
    with pytest.raises(InputError, match="RangeError"):
        calls_of(cases[1:2])


@needs_node
async def test_javascript_goes_on_after_an_endless_loop_and_cannot_forge(sandbox: LocalSandbox) -> None:
    code = (
        "function spin() { while (true); }\n"
        "function lie() { const fs = require('fs'); JSON.stringify = () => '9'; Array.isArray = () => true;\n"
        "  try { fs.writeSync(255, Buffer.from([2, 1, 0, 0, 0, 1, 0, 0, 0, 57])); } catch (_) {} return 3; }\n"
    )
    short = Limits(cpu_s=0.5, wall_s=60)
    calls = (Call(id="a", call="spin()"), Call(id="b", call="1 + 1"))
    done = await sandbox.run(Request(code=code, calls=calls, language="javascript", limits=short))
    assert [outcome.status for outcome in done.outcomes] == ["timeout", "returned"]
    forged = await javascript(sandbox, code, "1", "lie()")
    assert forged[1].status == "missing" or forged[1].value != 7
