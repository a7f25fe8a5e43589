"""Load the untrusted program and make its calls: the only module that runs in the same process as the program.

Nothing here decides about a verdict. A program that takes this code apart can lie about its own results, which the
host compares with values that never came in here.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what is written in C lets no handler in
import atexit
import builtins
import errno
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from struct import pack as _pack
from time import perf_counter
from types import CodeType, ModuleType
from typing import Any, NoReturn

from .describe import FILENAME, describe
from .encode import UnencodableError, encode, quote
from .jail import SCRATCH, VERDICT_FD
from .trace import Recorder

__builtins__ = dict(vars(builtins))  # type: ignore[assignment]  # a dict serves as well as a module

# Kinds of frame on the verdict channel; each frame is kind (1 byte), index of the call, length of the JSON, JSON.
READY, LOADED, OUTCOME, NO_MEMORY, NO_DISK, NO_PIDS, TEST = range(7)
HEADER = "<BII"

clock = perf_counter
_write, _getpid, _exit, _statvfs = os.write, os.getpid, os._exit, os.statvfs
_finish_atexit: Callable[[], None] = atexit._run_exitfuncs
_stdout, _stderr = sys.stdout, sys.stderr
_settrace = sys.settrace
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_hear = partial(_signal.pthread_sigmask, _signal.SIG_UNBLOCK, _signal.valid_signals())
_ignore = partial(_signal.pthread_sigmask, _signal.SIG_BLOCK, _signal.valid_signals())


_main = 0
_scratch = SCRATCH


def begin(scratch: str) -> None:
    """Say that this process is confined and is the one whose word counts."""
    global _main, _scratch
    _main, _scratch = _getpid(), scratch
    sys.argv = ["solution.py"]
    del sys.orig_argv[:]
    send(READY, 0, "")


_SAMPLE = """
class Pile:
    def __init__(self, items):
        self.items = sorted(items, key=lambda item: -item)
    def merged(self):
        found = {}
        for place, item in enumerate(self.items):
            if item % 2 and place > 0:
                found[f"{item}"] = [item, (place, None, True)]
        return found
def solve(count):
    if count < 0:
        raise ValueError(f"{count} is negative")
    return [Pile(range(count)).merged(), {1.5, -0.25}, "text"[1:]]
"""
_SAMPLE_CALLS = ("solve(5)", "solve(-1)", "[solve(n)[0] for n in (3, 4)]")


def rehearse(times: int = 12) -> None:
    """Run a program of our own here, so that the interpreter has settled before children are cloned from this process.

    Code is specialised then and caches are filled, in memory that children share; each would change its copy otherwise.
    """
    nowhere = os.open("/dev/null", os.O_WRONLY)
    os.dup2(nowhere, VERDICT_FD)
    begin("/")
    calls = [(number, {"setup": None, "call": call, "after": ()}) for number, call in enumerate(_SAMPLE_CALLS)]
    for _ in range(times):
        _run_calls(_SAMPLE, ModuleType("sample"), calls, trace=False)
    _hear()
    os.close(VERDICT_FD)
    os.close(nowhere)


def run(code: str, calls: Sequence[tuple[int, dict[str, Any]]], *, trace: bool) -> NoReturn:
    """Load the program and make the calls in order, one frame each; never returns."""
    whole = calls[0][1]["call"] is None
    module = ModuleType("__main__" if whole else "solution")
    sys.modules[module.__name__] = module
    if whole:
        _run_whole(code, module, calls[0][0])
    else:
        _run_calls(code, module, calls, trace=trace)
    finish()


def finish() -> NoReturn:
    """Write out what the program printed, and end at once: no thread and no exit function of it runs any more."""
    _flush()
    _exit(0)


def _run_whole(code: str, module: ModuleType, index: int) -> None:
    """Run the program as a script. Leaving by sys.exit() without an error is a normal end of a script."""

    def script() -> None:
        try:
            exec(compile(code, FILENAME, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the purpose
        except SystemExit as error:
            if error.code not in (None, 0):
                raise
        _finish_threads()
        _finish_atexit()

    began = clock()
    error = _raised_by(script)
    _flush()
    if error is not None:
        report(index, error, began, "")
        return
    send(OUTCOME, index, f'{{"status":"returned","ms":{since(began)}}}')


def _run_calls(code: str, module: ModuleType, calls: Sequence[tuple[int, dict[str, Any]]], *, trace: bool) -> None:
    def load() -> None:
        exec(compile(code, FILENAME, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the purpose

    began = clock()
    error = _raised_by(load)
    if error is not None:
        for index, _ in calls:
            report(index, error, began, "")
        return
    send(LOADED, 0, "")
    for index, call in calls:
        _make_call(index, call, module, trace=trace)


def _make_call(index: int, call: dict[str, Any], module: ModuleType, *, trace: bool) -> None:
    names = dict(module.__dict__)
    recorder = Recorder() if trace else None
    answer = steps = ""

    def make() -> None:
        nonlocal answer, steps
        if call["setup"]:
            exec(_compiled(call["setup"], "exec"), names)  # noqa: S102 - the purpose
        expression = _compiled(call["call"].strip(), "eval")
        if recorder:
            recorder.start()
        try:
            answer = encode(eval(expression, names))  # noqa: S307 - the purpose
        finally:
            if recorder:
                steps = f',"trace":{recorder.stop()}'
        answer += _after(call["after"], names)

    began = clock()
    error = _raised_by(make)
    if error is not None:
        report(index, error, began, _after_exception(call["after"], names) + steps)
        return
    send(disk_state(), index, f'{{"status":"returned","ms":{since(began)},"value":{answer}{steps}}}')


def _raised_by(part: Callable[[], None]) -> BaseException | None:
    """Run a part of the program and return what it raised. No handler of the program runs before or after that.

    One that raises would end the telling of a result. What lets them in and shuts them out is written in C and called
    from here: at the first instruction of a function of ours a handler could run already.
    """
    try:
        _hear()
        part()
        _ignore()
    except BaseException as error:
        try:  # noqa: SIM105 - that would be a function of ours
            _ignore()
        except BaseException:  # noqa: S110 - a handler that was due, and the program has ended
            pass
        return error
    return None


def _after(wanted: Sequence[str], names: dict[str, Any]) -> str:
    """Return the variables of `setup` as they are after the call; one that is not there is left out."""
    pairs = [f"{quote(name)}:{encode(names[name])}" for name in wanted if name in names]
    return f',"after":{{{",".join(pairs)}}}'


def _after_exception(wanted: Sequence[str], names: dict[str, Any]) -> str:
    try:
        return _after(wanted, names) if wanted else ""
    except BaseException:
        return ""


def _compiled(text: str, mode: str) -> CodeType:
    code: CodeType = compile(text, f"<{mode}>", mode, dont_inherit=True)
    return code


def report(index: int, error: BaseException, began: float, steps: str) -> None:
    """Send what was raised. A failed allocation is a verdict about limits before it is an exception."""
    _settrace(None)
    head = f'"ms":{since(began)}{steps}'
    if type(error) is UnencodableError:
        send(OUTCOME, index, f'{{"status":"unencodable",{head},"error":{describe(error)}}}')
        return
    status = "memory" if issubclass(type(error), MemoryError) else "raised"
    send(_kind_of(error), index, f'{{"status":"{status}",{head},"error":{describe(error)}}}')


def _kind_of(error: BaseException) -> int:
    """Return the frame that says which limit an exception stands for, if any."""
    kind = type(error)
    if issubclass(kind, MemoryError):
        return NO_MEMORY
    if kind is OSError and error.errno in _FULL:  # type: ignore[attr-defined]  # exactly an OSError
        return NO_DISK
    no_thread = kind is RuntimeError and error.args == ("can't start new thread",)
    if no_thread or (kind is BlockingIOError and error.errno == errno.EAGAIN):  # type: ignore[attr-defined]
        return NO_PIDS
    return disk_state()


def disk_state() -> int:
    """Return the kind of an ordinary answer, or that the scratch folder is full."""
    scratch = _statvfs(_scratch)
    return NO_DISK if scratch.f_bavail == 0 or scratch.f_favail == 0 else OUTCOME


def since(began: float) -> float:
    """Return the milliseconds since a reading of the clock."""
    return round((clock() - began) * 1000, 3)


def send(kind: int, index: int, text: str) -> None:
    """Write one frame. A forked copy of this process that comes back here ends instead: it has no say."""
    if _getpid() != _main:
        _exit(0)
    data = text.encode()
    frame = _pack(HEADER, kind, index, len(data)) + data
    try:
        while frame:
            frame = frame[_write(VERDICT_FD, frame) :]
    except BaseException:
        _exit(1)


def _finish_threads() -> None:
    """Wait for the threads of a script as the interpreter does. Nothing of ours imports `threading`: it slows forks."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()


def _flush() -> None:
    for stream in (_stdout, _stderr):
        try:
            stream.flush()
        except BaseException:  # noqa: S112 - the program closed it or broke it: nothing is left to say
            continue
