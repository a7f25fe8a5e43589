"""exec and doctor on the command line: one program, many, in every form, and what is wrong with what was asked."""

# Programs are literals in one piece.

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mendloop.cli import app
from mendloop.errors import InputError

CODE = "def double(x):\n    return x * 2\n"
CASES = [{"id": "a", "call": "double(2)", "expect": "4"}, {"id": "b", "call": "double('x')", "expect": "'xx'"}]
TESTS = "from solution import double\n\ndef test_double():\n    assert double(2) == 4\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    (tmp_path / "double.py").write_text(CODE)
    (tmp_path / "wrong.py").write_text(CODE.replace("2", "3"))
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)) + "\n\n")
    (tmp_path / "tests.py").write_text(TESTS)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def complaint(*arguments: str) -> InputError:
    done = invoke("exec", *arguments)
    assert isinstance(done.exception, InputError), done.output
    return done.exception


def test_a_program_and_its_cases(desk: Path) -> None:
    right = invoke("exec", "double.py", "--cases", "cases.jsonl")
    assert right.exit_code == 0, right.output
    assert "ok: 2 of 2 cases pass (local, values)" in right.output
    wrong = invoke("exec", "wrong.py", "--cases", "cases.jsonl", "--json")
    assert wrong.exit_code == 1
    told = json.loads(wrong.stdout)
    assert [case["status"] for case in told["cases"]] == ["fail", "fail"]
    assert told["cases"][1]["got"] == "'xxx'"


def test_a_program_and_a_pytest_file(desk: Path) -> None:
    right = invoke("exec", "double.py", "--tests", "tests.py", "--limit", "wall_s=60")
    assert right.exit_code == 0, right.output
    assert "ok: 1 of 1 cases pass (local, inproc)" in right.output
    assert invoke("exec", "wrong.py", "--tests", "tests.py", "--limit", "wall_s=60").exit_code == 1


def test_the_language_follows_the_suffix_and_can_be_named(desk: Path) -> None:
    (desk / "total.sql").write_text("SELECT sum(a) FROM t")
    case = {
        "id": "a",
        "setup": "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)",
        "call": "solution",
        "expect": "[(3,)]",
    }
    (desk / "rows.jsonl").write_text(json.dumps(case))
    done = invoke("exec", "total.sql", "--cases", "rows.jsonl")
    assert done.exit_code == 0, done.output
    assert invoke("exec", "total.sql", "--cases", "rows.jsonl", "--language", "python").exit_code == 1
    assert "unknown language" in str(complaint("double.py", "--cases", "cases.jsonl", "--language", "cobol"))


def test_many_programs_of_every_kind_come_back_in_order(desk: Path) -> None:
    lines = [
        {"id": "values", "code": CODE, "cases": CASES},
        {"id": "suite", "code": CODE, "tests": TESTS},
        {
            "id": "sql",
            "code": "SELECT 1",
            "language": "sql",
            "cases": [{"id": "a", "call": "solution", "expect": "[(1,)]"}],
        },
        {
            "id": "numpy",
            "code": "import numpy\n",
            "profile": "scientific",
            "cases": [{"id": "a", "call": "1", "expect": "1"}],
        },
        {"id": "plain", "code": "import numpy\n", "cases": [{"id": "a", "call": "1", "expect": "1"}]},
    ]
    (desk / "batch.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = invoke("exec", "--batch", "batch.jsonl", "--workers", "2", "--limit", "wall_s=60")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["id"], each["integrity"]) for each in told] == [
        ("values", "values"),
        ("suite", "inproc"),
        ("sql", "values"),
        ("numpy", "values"),
        ("plain", "values"),
    ]
    assert [{case["status"] for case in each["cases"]} for each in told] == [{"pass"}] * 4 + [{"error"}]
    assert done.exit_code == 1


def test_without_isolation_it_says_so_aloud(desk: Path) -> None:
    done = invoke("exec", "double.py", "--cases", "cases.jsonl", "--sandbox", "unsafe-local")
    assert done.exit_code == 0
    assert "unsafe-local: programs run with your own rights" in done.stderr
    assert "(unsafe-local, values)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("double.py",), "--cases or --tests"),
        (("double.py", "--cases", "cases.jsonl", "--tests", "tests.py"), "--cases or --tests"),
        (("double.py", "--batch", "cases.jsonl"), "either --batch"),
        (("double.py", "--tests", "double.py"), "no test in it"),
        (("double.py", "--cases", "cases.jsonl", "--limit", "cpu=1"), "is no limit"),
        (("double.py", "--cases", "missing.jsonl"), "cannot be read"),
        (("double.py", "--cases", "cases.jsonl", "--sandbox", "e2b"), "needs a key"),
        (("--batch", "cases.jsonl"), "cases.jsonl:1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(desk: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in str(complaint(*arguments))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"id": "a", "code": ""}, "either `cases` or `tests`"),
        (
            {"id": "a", "code": "", "cases": [], "tests": TESTS, "language": "sql"},
            "a pytest file tests a Python program",
        ),
        ({"id": "a", "code": "", "cases": CASES, "tests": TESTS}, "either `cases` or `tests`"),
        ({"id": "a", "code": "", "cases": [CASES[0], CASES[0]]}, "two cases are called `a`"),
        ({"id": "a", "code": "", "cases": CASES, "profile": "all"}, "profile"),
    ],
)
def test_a_line_of_a_batch_that_cannot_be_judged_is_named(desk: Path, line: dict[str, object], said: str) -> None:
    (desk / "batch.jsonl").write_text(json.dumps(line))
    assert said in str(complaint("--batch", "batch.jsonl"))


def test_doctor_tries_the_sandbox_and_lists_the_languages(desk: Path) -> None:
    done = invoke("doctor", "--json")
    layers = {layer["layer"]: layer for layer in json.loads(done.stdout)["layers"]}
    assert done.exit_code == 0, done.output
    assert layers["local: network"]["ok"]
    assert layers["local: memory of all processes"]["detail"]
    assert layers["languages"]["detail"].startswith("python, sql")


def test_cleaning_needs_a_key(desk: Path) -> None:
    done = invoke("doctor", "--clean")
    assert isinstance(done.exception, InputError)
    assert done.exception.where == "E2B_API_KEY"
