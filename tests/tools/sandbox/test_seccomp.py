"""The filter as the kernel would run it, for machines that the tests do not run on too."""

from __future__ import annotations

import errno
import struct

import pytest

from mendloop.tools.sandbox.inside import seccomp

KILLED = "killed"
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None) -> str | int:
    """Interpret the filter for one system call: an errno, 0 for allowed, or KILLED."""
    six = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, arch or ARCH[machine], 0, *six)
    program, at, accumulator = seccomp.instructions(machine), 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x06:
            return KILLED if operand == 0x80000000 else operand & 0xFFFF if operand >> 16 == 5 else 0
        else:
            holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}
            at += if_true if holds[code] else if_false


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_every_denied_call_is_refused_and_every_other_allowed(machine: str) -> None:
    denied = {numbers[COLUMN[machine]] for numbers in seccomp._DENIED.values()} - {-1}
    special = {numbers[COLUMN[machine]] for numbers in (seccomp._SOCKET, seccomp._SOCKETPAIR, seccomp._CLONE3)}
    got = {number: verdict(machine, number) for number in range(500) if number not in special}
    assert {number for number, answer in got.items() if answer == errno.EPERM} == denied
    assert {answer for number, answer in got.items() if number not in denied} == {0}


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_calls_that_depend_on_arguments(machine: str) -> None:
    column = COLUMN[machine]
    clone, socket, pair = (numbers[column] for numbers in (seccomp._CLONE, seccomp._SOCKET, seccomp._SOCKETPAIR))
    ioctl, clone3 = seccomp._IOCTL[column], seccomp._CLONE3[column]
    assert verdict(machine, clone, 17) == 0
    assert {verdict(machine, clone, 17 | 1 << bit) for bit in (17, 25, 26, 27, 28, 29, 30)} == {errno.EPERM}
    assert verdict(machine, clone3) == errno.ENOSYS
    assert {verdict(machine, socket, family) for family in (1, 2, 10, 16, 17, 40)} == {errno.EACCES}
    assert [verdict(machine, pair, family) for family in (1, 2, 16)] == [0, errno.EACCES, errno.EACCES]
    assert [verdict(machine, ioctl, 0, request) for request in (0x5401, 0x5412, 0x541C)] == [
        0,
        errno.EPERM,
        errno.EPERM,
    ]


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_another_architecture_is_killed(machine: str) -> None:
    assert verdict(machine, 1, arch=0x40000003) == KILLED
    if machine == "x86_64":
        assert verdict(machine, 0x40000000 | 1) == KILLED
