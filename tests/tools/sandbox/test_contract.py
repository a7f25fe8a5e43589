"""What every sandbox promises; parametrised over backends by the `sandbox` fixture."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mendloop.executions import Call, Execution, Limits, Outcome, Raised, Request
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.values import parse_expected, render

SHORT = Limits(cpu_s=0.4, wall_s=0.8, memory_mb=64, pids=16, disk_mb=2, output_mb=0.05)


async def run(sandbox: Sandbox, code: str, *calls: str | Call, **options: Any) -> Execution:
    made = tuple(call if isinstance(call, Call) else Call(id=str(i), call=call) for i, call in enumerate(calls))
    return await sandbox.run(Request(code=code, calls=made, **options))


def statuses(execution: Execution) -> list[str]:
    return [outcome.status for outcome in execution.outcomes]


def texts(execution: Execution) -> list[str]:
    return [render(outcome.value) for outcome in execution.outcomes]


def raised(outcome: Outcome) -> Raised:
    assert outcome.error is not None
    return outcome.error


async def test_values_come_back_by_exact_type(sandbox: Sandbox) -> None:
    literals = [
        "None",
        "True",
        "-5",
        "1.5",
        "'a\\ud800\\x00'",
        "b'\\xff'",
        "[1, (2,), {3}, frozenset({4}), {5: 6}]",
        "(1+2j)",
    ]
    done = await run(sandbox, "def f(x):\n    return x\n", *(f"f({literal})" for literal in literals))
    assert done.status == "ok"
    assert [outcome.value for outcome in done.outcomes] == [parse_expected(literal) for literal in literals]


async def test_iterators_become_tagged_lists_and_endless_ones_do_not(sandbox: Sandbox) -> None:
    code = "import itertools\ndef gen(n):\n    yield from range(n)\n"
    done = await run(sandbox, code, "gen(2)", "range(10000)", "gen(10001)", "itertools.count()", "{}.keys()")
    assert statuses(done) == ["returned", "returned", "unencodable", "unencodable", "returned"]
    assert render(done.outcomes[0].value) == "iter([0, 1])"
    assert render(done.outcomes[4].value) == "iter([])"


async def test_an_iterator_that_raises_is_an_exception_of_the_call(sandbox: Sandbox) -> None:
    done = await run(sandbox, "def gen():\n    raise KeyError('k')\n    yield\n", "gen()")
    assert raised(done.outcomes[0]) == Raised(type="KeyError", base="KeyError", builtin=True, message="'k'", line=2)


async def test_other_types_are_unencodable_with_their_name(sandbox: Sandbox) -> None:
    code = "import collections\nclass Odd: pass\nclass Number(int): pass\n"
    done = await run(sandbox, code, "Odd()", "Number(1)", "collections.Counter()", "len", "[Odd]")
    assert statuses(done) == ["unencodable"] * 5
    assert "Odd" in raised(done.outcomes[0]).message
    assert done.status == "ok"


async def test_exceptions_name_class_base_message_and_line(sandbox: Sandbox) -> None:
    code = "class Odd(LookupError):\n    pass\nclass ValueError(Exception):\n    pass\ndef f(kind):\n    raise kind('no')\n"
    done = await run(sandbox, code, "f(Odd)", "f(ValueError)", "f(__builtins__['ValueError'])", "1/0")
    assert [raised(outcome) for outcome in done.outcomes] == [
        Raised(type="Odd", base="LookupError", builtin=False, message="no", line=6),
        Raised(type="ValueError", base="Exception", builtin=False, message="no", line=6),
        Raised(type="ValueError", base="ValueError", builtin=True, message="no", line=6),
        Raised(type="ZeroDivisionError", base="ZeroDivisionError", builtin=True, message="division by zero"),
    ]


async def test_a_syntax_error_is_the_outcome_of_every_case(sandbox: Sandbox) -> None:
    done = await run(sandbox, "x = 1\ndef f(:\n", "f()", "f(1)")
    assert statuses(done) == ["raised", "raised"]
    assert (raised(done.outcomes[1]).type, raised(done.outcomes[1]).line) == ("SyntaxError", 2)


async def test_setup_names_the_call_can_use_and_after_reads_them(sandbox: Sandbox) -> None:
    code = "def push(items, x):\n    items.append(x)\ndef bad(items):\n    items.clear()\n    raise OSError\n"
    done = await run(
        sandbox,
        code,
        Call(id="a", setup="s = [1]; t = [n + len(s) for n in s]", call="push(s, 2)", after=("s", "t", "u")),
        Call(id="b", setup="s = [1]", call="bad(s)", after=("s",)),
        Call(id="c", call="s"),
    )
    assert {name: render(value) for name, value in done.outcomes[0].after.items()} == {"s": "[1, 2]", "t": "[2]"}
    assert {name: render(value) for name, value in done.outcomes[1].after.items()} == {"s": "[]"}
    assert raised(done.outcomes[2]).type == "NameError"


async def test_cases_share_a_child_unless_isolated(sandbox: Sandbox) -> None:
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    return list(seen)\n"
    calls = [Call(id=str(i), call=f"f({i})", isolated=i == 1) for i in range(3)]
    done = await run(sandbox, code, *calls)
    assert texts(done) == ["[0]", "[1]", "[0, 2]"]


async def test_after_a_time_out_a_fresh_child_goes_on_with_the_next_case(sandbox: Sandbox) -> None:
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    while x == 1: pass\n    return list(seen)\n"
    done = await run(sandbox, code, "f(0)", "f(1)", "f(2)", "f(3)", limits=SHORT)
    assert statuses(done) == ["returned", "timeout", "returned", "returned"]
    assert render(done.outcomes[3].value) == "[2, 3]"
    assert done.status == "timeout"


async def test_giving_up_leaves_out_what_would_follow_a_time_out(sandbox: Sandbox) -> None:
    code = "def f(x):\n    while x == 1: pass\n    return x\n"
    calls = tuple(Call(id=str(number), call=f"f({number})") for number in range(4))
    done = await sandbox.run(Request(code=code, calls=calls, limits=SHORT, give_up=True))
    assert statuses(done) == ["returned", "timeout", "missing", "missing"]


ALARMED = """
import signal
def late(*a):
    raise TimeoutError
def f(seconds):
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.0001)
    while seconds: pass
    return "in time"
"""


async def test_timers_of_the_program_work_in_each_call_and_nowhere_else(sandbox: Sandbox) -> None:
    done = await run(sandbox, ALARMED, "f(0.001)", "f(0.001)", "f(0)", "f(0.001)")
    assert statuses(done)[:2] == ["raised", "raised"]
    assert statuses(done)[2] in {"raised", "returned"}  # it may be due once more, from the call before
    assert statuses(done)[3] == "raised"
    assert {raised(done.outcomes[number]).type for number in (0, 1, 3)} == {"TimeoutError"}


async def test_after_a_death_a_fresh_child_goes_on_with_the_next_case(sandbox: Sandbox) -> None:
    done = await run(
        sandbox, "import os\ndef f(x):\n    os._exit(0) if x == 1 else None\n    return x", "f(0)", "f(1)", "f(2)"
    )
    assert statuses(done) == ["returned", "missing", "returned"]
    assert done.status == "no_result"


async def test_a_bad_memory_access_is_a_crash_and_a_fresh_child_goes_on(sandbox: Sandbox) -> None:
    code = "import ctypes\ndef f(x):\n    return ctypes.string_at(0) if x == 1 else x\n"
    done = await run(sandbox, code, "f(0)", "f(1)", "f(2)")
    assert (done.status, statuses(done)) == ("crash", ["returned", "missing", "returned"])


async def test_an_exit_status_of_its_own_is_no_crash(sandbox: Sandbox) -> None:
    done = await run(sandbox, "import os\ndef f(code):\n    os._exit(code)\n", "f(1)", "f(127)", "f(255)")
    assert (done.status, statuses(done)) == ("no_result", ["missing"] * 3)


async def test_a_death_while_loading_is_the_outcome_of_every_case(sandbox: Sandbox) -> None:
    done = await run(sandbox, "while True: pass", "1", "2", "3", limits=SHORT)
    assert statuses(done) == ["timeout"] * 3
    assert done.wall_s < 3


async def test_the_first_thing_that_went_wrong_is_the_status(sandbox: Sandbox) -> None:
    code = "import os, time\ndef slow(): time.sleep(60)\n"
    done = await run(sandbox, code, "slow()", "os._exit(1)", limits=SHORT)
    assert (done.status, statuses(done)) == ("timeout", ["timeout", "missing"])


async def test_a_script_reads_stdin_and_its_output_is_captured(sandbox: Sandbox) -> None:
    code = "import sys\nif __name__ == '__main__':\n    n = int(input())\n    print(n * 2)\n    print(sys.stdin.read(), end='')\n"
    done = await run(sandbox, code, Call(id="a", stdin="4\nrest é\n"), Call(id="b", stdin="x\n"))
    assert [outcome.stdout for outcome in done.outcomes] == ["8\nrest é\n", ""]
    assert statuses(done) == ["returned", "raised"]
    assert raised(done.outcomes[1]).type == "ValueError"
    assert done.stdout == "8\nrest é\n"


async def test_a_script_may_end_by_sys_exit_zero_only(sandbox: Sandbox) -> None:
    code = "import sys, atexit, threading\natexit.register(print, 'bye')\nt = threading.Thread(target=print, args=('thread',))\nt.start()\nprint('x')\nsys.exit(int(input()))\n"
    done = await run(sandbox, code, Call(id="a", stdin="0"), Call(id="b", stdin="3"))
    assert statuses(done) == ["returned", "raised"]
    assert sorted((done.outcomes[0].stdout or "").split()) == ["bye", "thread", "x"]
    assert raised(done.outcomes[1]).type == "SystemExit"


async def test_hash_seeds_are_what_the_request_says(sandbox: Sandbox) -> None:
    async def order(seed: int) -> str:
        return texts(await run(sandbox, "", "[hash(s) for s in ('a', 'b', 'c')]", hash_seed=seed))[0]

    assert await order(1) == await order(1)
    assert await order(1) != await order(2)


async def test_output_that_is_not_text_survives(sandbox: Sandbox) -> None:
    code = "import os\nos.write(1, b'a\\xff\\x00b')\nprint('\\udcff')\nos.write(2, b'\\xfe')"
    done = await run(sandbox, code, "1")
    assert done.status == "ok"
    assert done.stdout.startswith("a\\xff\x00b")
    assert done.stderr == "\\xfe"


async def test_use_is_measured(sandbox: Sandbox) -> None:
    code = "def f():\n    x = bytearray(30 << 20)\n    return sum(i for i in range(10**6)) > 0 and len(x)\n"
    done = await run(sandbox, code, "f()")
    assert done.status == "ok"
    assert done.cpu_s > 0.005
    assert done.wall_s > 0.005
    assert done.peak_rss_mb > 20
    assert done.outcomes[0].ms > 1


async def test_a_trace_holds_lines_depths_and_changed_locals(sandbox: Sandbox) -> None:
    code = "def g(x):\n    y = [x]\n    return y\ndef f(n):\n    a = g(n)\n    return a\n"
    done = await run(sandbox, code, "f(1)", trace=True)
    steps = [(step.line, step.depth, step.changed) for step in done.outcomes[0].trace]
    assert steps == [(5, 1, {"n": "1"}), (2, 2, {"x": "1"}), (3, 2, {"y": "[1]"}), (6, 1, {"a": "[1]"})]


async def test_a_trace_is_capped_and_runs_no_code_of_the_program(sandbox: Sandbox) -> None:
    code = (
        "class Bad:\n    def __repr__(self):\n        raise RuntimeError\n"
        "def f():\n    b = Bad(); h = 1 << 99999; t = 'x' * 10**6; z = [b, t]\n"
        "    for i in range(5000):\n        pass\n    return 1\n"
    )
    done = await run(sandbox, code, "f()", trace=True)
    trace = done.outcomes[0].trace
    assert done.status == "ok"
    assert len(trace) == 2000
    assert trace[1].changed["b"] == "<Bad>"
    assert all(len(text) <= 80 for text in trace[1].changed.values())


async def test_a_trace_comes_with_an_exception_too(sandbox: Sandbox) -> None:
    done = await run(sandbox, "def f(n):\n    m = n - 1\n    return 1 / m\n", "f(1)", trace=True)
    assert [step.line for step in done.outcomes[0].trace] == [2, 3]
    assert raised(done.outcomes[0]).line == 3


async def test_requests_may_overlap(sandbox: Sandbox) -> None:
    runs = [run(sandbox, f"def f():\n    return {i}", "f()") for i in range(8)]
    assert [texts(done) for done in await asyncio.gather(*runs)] == [[str(i)] for i in range(8)]


async def test_a_cancelled_run_leaves_the_sandbox_usable(sandbox: Sandbox) -> None:
    task = asyncio.create_task(run(sandbox, "import time", "time.sleep(60)"))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert texts(await run(sandbox, "", "1 + 1")) == ["2"]


async def test_dataclasses_and_annotations_work_in_the_program(sandbox: Sandbox) -> None:
    code = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(n):\n    return P(n).x\n"
    done = await run(sandbox, code, "f(3)")
    assert texts(done) == ["3"]


async def test_asyncio_and_threads_work_in_the_program(sandbox: Sandbox) -> None:
    code = (
        "import asyncio, concurrent.futures\nasync def g(x):\n    await asyncio.sleep(0)\n    return x\n"
        "def f():\n    with concurrent.futures.ThreadPoolExecutor(2) as pool:\n"
        "        return asyncio.run(g(1)), list(pool.map(str, [1, 2]))\n"
    )
    done = await run(sandbox, code, "f()")
    assert texts(done) == ["(1, ['1', '2'])"]


async def test_processes_can_be_pooled_in_the_program(sandbox: Sandbox) -> None:
    code = "import multiprocessing\ndef g(x):\n    return x * x\ndef f():\n    with multiprocessing.Pool(2) as pool:\n        return pool.map(g, [1, 2, 3])\n"
    assert texts(await run(sandbox, code, "f()")) == ["[1, 4, 9]"]


async def test_values_at_the_caps_of_depth_and_size_pass_and_beyond_do_not(sandbox: Sandbox) -> None:
    code = "def nest(n):\n    x = 1\n    for _ in range(n): x = frozenset([x])\n    return x\n"
    done = await run(sandbox, code, "nest(64)", "nest(65)", "list(range(99_999))", "list(range(100_000))", "7 ** 9999")
    assert statuses(done) == ["returned", "unencodable", "returned", "unencodable", "returned"]
    assert parse_expected(render(done.outcomes[0].value)) == done.outcomes[0].value


async def test_forked_memory_is_counted_once(sandbox: Sandbox) -> None:
    code = (
        "import os, time\ndef f():\n    x = bytearray(40 << 20)\n    pids = []\n    for _ in range(3):\n"
        "        pids.append(os.fork())\n        if pids[-1] == 0:\n            time.sleep(0.2); os._exit(0)\n"
        "    for pid in pids: os.waitpid(pid, 0)\n    return len(x) >> 20\n"
    )
    assert texts(await run(sandbox, code, "f()", limits=Limits(memory_mb=64))) == ["40"]


async def test_every_layer_holds(sandbox: Sandbox) -> None:
    probes = await sandbox.probe()
    assert len(probes) > 8
    assert [probe for probe in probes if not probe.ok] == []


async def test_no_calls_is_an_empty_execution(sandbox: Sandbox) -> None:
    done = await run(sandbox, "1/0")
    assert (done.status, done.outcomes) == ("ok", ())
