"""Runs the attempts in an exported file again, from the file alone and without mendloop.

`rerun(file)` returns what is wrong: failing turns that pass, a last turn that fails, cases that go another way than the
file says. As a script: `python rerun.py FILE` prints them and exits with 1 when there are any.

Programs run in children forked by a warm plain interpreter, with limits on time and memory but without isolation: it is
meant for files made from trusted code.
"""

from __future__ import annotations

import ast
import builtins
import gc
import json
import math
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CPU_S, WALL_S, MEMORY = 3, 15.0, 2 << 30
DEPENDS_ON_MACHINE = ("timeout", "memory", "missing")


def rerun(path: Path | str, workers: int = 2) -> list[str]:
    """Return the problems found in a parquet or jsonl file; an empty list when every row does what it says."""
    rows = read_rows(Path(path))
    jobs = [(row, turn) for row in rows for turn in json.loads(row["attempts"])]
    told = [{"code": turn["code"], "cases": turn["cases"]} for _, turn in jobs]
    with ThreadPoolExecutor(workers) as pool:
        shares = list(pool.map(run_share, [told[n::workers] for n in range(workers)]))
    results = [shares[n % workers][n // workers] for n in range(len(jobs))]
    problems = [f"row {row['id']}: {what}" for row in rows for what in unsound(row)]
    for (row, turn), result in zip(jobs, results, strict=True):
        problems += [f"row {row['id']} turn {turn['turn']}: {what}" for what in disagreements(turn, result)]
    return problems


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    from pyarrow import parquet

    return list(parquet.read_table(path).to_pylist())


def unsound(row: dict[str, Any]) -> list[str]:
    """Return what is wrong with a row's verdicts and flags before anything is run."""
    verdicts = [turn["verdict"] for turn in json.loads(row["attempts"])]
    wrong = [] if verdicts[-1:] == ["passed"] and "passed" not in verdicts[:-1] else [f"verdicts are {verdicts}"]
    for message in row["messages"]:
        if message["train"] and (message["role"] != "assistant" or message["verdict"] != "passed"):
            wrong.append(f"a {message['role']} message with verdict {message['verdict']!r} is trained on")
    if [message["train"] for message in row["messages"]].count(True) != 1:
        wrong.append("not exactly one message is trained on")
    return wrong


def disagreements(turn: dict[str, Any], result: list[bool | None]) -> list[str]:
    """Return where a run goes another way than the file says; None stands for a case that never ran."""
    passes = bool(result) and all(result)
    wrong = [] if passes == (turn["verdict"] == "passed") else [f"verdict {turn['verdict']}, but run again it "]
    wrong = [text + ("passes" if passes else "fails") for text in wrong]
    for case, good in zip(turn["cases"], result, strict=True):
        if good is not None and case["status"] not in DEPENDS_ON_MACHINE and good != (case["status"] == "pass"):
            wrong.append(f"case {case['id']} is {case['status']!r}, run again it {'passes' if good else 'fails'}")
    return wrong


def run_share(jobs: list[dict[str, Any]]) -> list[list[bool | None]]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-s", "-P", str(Path(__file__).resolve()), "--worker"],
            input=json.dumps(jobs).encode(),
            stdout=subprocess.PIPE,
            env={"PYTHONHASHSEED": "0"},
            cwd=folder,
            check=True,
        )
    return list(json.loads(done.stdout))


# --- in the warm interpreter -----------------------------------------------------------------------------------------


def work() -> None:
    jobs = json.load(sys.stdin.buffer)
    gc.freeze()  # otherwise each child copies what its collector touches
    json.dump([run_program(job["code"], job["cases"]) for job in jobs], sys.stdout)


def run_program(code: str, cases: list[dict[str, Any]]) -> list[bool | None]:
    results: list[bool | None] = [None] * len(cases)
    shared = [n for n, case in enumerate(cases) if not case.get("isolated")]
    groups = ([shared] if shared else []) + [[n] for n, case in enumerate(cases) if case.get("isolated")]
    deadline = time.monotonic() + WALL_S
    while groups:
        group = groups.pop(0)
        answered = run_child(code, [cases[n] for n in group], deadline)
        for n, good in zip(group, answered, strict=False):
            results[n] = good
        if len(answered) < len(group):  # it died there: that case failed, and a fresh child goes on behind it
            results[group[len(answered)]] = False
            if time.monotonic() > deadline - WALL_S / 2:
                break
            groups = [rest, *groups] if (rest := group[len(answered) + 1 :]) else groups
    return results


def run_child(code: str, cases: list[dict[str, Any]], deadline: float) -> list[bool]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            make_calls(code, cases, writing)
        finally:
            os._exit(0)
    os.close(writing)
    answers = b""
    while select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(reading, 65536)
        if not part:
            break
        answers += part
    os.close(reading)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)  # not yet a group of its own; still ours, as nobody has waited for it
    os.waitpid(child, 0)
    return [answer == 49 for answer in answers]


def make_calls(code: str, cases: list[dict[str, Any]], writing: int) -> None:
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    try:
        exec(compile(code, "solution.py", "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        os.write(writing, b"0" * len(cases))
        return
    for case in cases:
        os.write(writing, b"1" if holds(case, dict(module.__dict__)) else b"0")


def holds(case: dict[str, Any], names: dict[str, Any]) -> bool:
    """Make one call and judge it."""
    try:
        exec(case.get("setup") or "", names)
        value = drawn(eval(case["call"].strip(), names))
    except BaseException as error:
        return "raises" in case and bool(raised(error) == case["raises"])
    if "raises" in case:
        return False
    tolerance = case.get("tolerance") or 0.0
    try:
        good = bool(eval(case["check"], {**names, "result": value})) if "check" in case else True
        good = good and ("expect" not in case or same(literal(case["expect"]), value, tolerance))
        after = case.get("after") or {}
        return good and all(same(literal(text), drawn(names[name]), tolerance) for name, text in after.items())
    except BaseException:
        return False


def raised(error: BaseException) -> str:
    kind = type(error)
    if getattr(builtins, kind.__name__, None) is kind:
        return str(kind.__name__)
    base = next(each for each in kind.__mro__ if getattr(builtins, each.__name__, None) is each)
    return f"{kind.__name__}({base.__name__})"


class Drawn(list[Any]):
    """The items of an iterator."""


def drawn(value: Any) -> Any:
    """Return a value with its iterators drawn. Raises TypeError for other types than literals have."""
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return value
    if kind in (list, tuple):
        return kind([drawn(item) for item in value])
    if kind in (set, frozenset):
        return kind(value)
    if kind is dict:
        return {drawn(key): drawn(item) for key, item in value.items()}
    if hasattr(kind, "__next__") or kind in (range, type({}.keys()), type({}.values()), type({}.items())):
        return Drawn(drawn(item) for item in value)
    raise TypeError(kind)


def literal(text: str) -> Any:
    return built(ast.parse(text.strip(), mode="eval").body)


def built(node: ast.expr) -> Any:
    match node:
        case ast.Name(id="nan" | "inf" as name):
            return float(name)
        case ast.Call(func=ast.Name(id="set"), args=[]):
            return set()
        case ast.Call(func=ast.Name(id="frozenset"), args=args):
            return frozenset(built(args[0])) if args else frozenset()
        case ast.Call(func=ast.Name(id="iter"), args=[items]):
            return Drawn(built(items))
        case ast.List(elts=items):
            return [built(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(built(item) for item in items)
        case ast.Set(elts=items):
            return {built(item) for item in items}
        case ast.Dict(keys=keys, values=values):
            return {built(k): built(v) for k, v in zip(keys, values, strict=True) if k is not None}
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -built(inner)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            return built(left) + built(right) if isinstance(op, ast.Add) else built(left) - built(right)
    return ast.literal_eval(node)


def same(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        if a != a or b != b:
            return a != a and b != b
        return a == b or (tolerance > 0 and math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance))
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        pairs_a, pairs_b = list(a.items()), list(b.items())
        return len(a) == len(b) and matched(pairs_a, pairs_b, tolerance)
    if isinstance(a, set | frozenset):
        return len(a) == len(b) and matched(list(a), list(b), tolerance)
    if isinstance(a, complex):
        return same(a.real, b.real, tolerance) and same(a.imag, b.imag, tolerance)
    return bool(a == b)


def matched(left: list[Any], right: list[Any], tolerance: float) -> bool:
    for item in left:
        found = next((n for n, other in enumerate(right) if same(item, other, tolerance)), None)
        if found is None:
            return False
        del right[found]
    return True


if __name__ == "__main__":
    if sys.argv[1:] == ["--worker"]:
        work()
    else:
        found = rerun(sys.argv[1])
        print(*found, f"{len(found)} problems in {len(read_rows(Path(sys.argv[1])))} records", sep="\n")  # noqa: T201 - a script
        sys.exit(bool(found))
