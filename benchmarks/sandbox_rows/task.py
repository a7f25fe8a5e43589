"""The program and the cases that every row runs. Standard library only: bare interpreters read it too."""

from __future__ import annotations

import json

PROGRAM = '''\
def merge(intervals):
    """Return the union of closed intervals as sorted, disjoint intervals."""
    merged = []
    for start, end in sorted(intervals):
        if start > end:
            raise ValueError(f"[{start}, {end}] ends before it starts")
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def gaps(intervals):
    """Return the gaps between intervals as (left, right, length)."""
    found = []
    joined = merge(intervals)
    for (_, left), (right, _) in zip(joined, joined[1:]):
        found.append((left, right, right - left))
    return found
'''
ENTRY = "gaps"
INPUTS: list[list[list[int]]] = [
    [],
    [[1, 3], [6, 9]],
    [[5, 8], [1, 2], [2, 3]],
    [[0, 10], [2, 3], [4, 5]],
    [[40, 41], [30, 31], [20, 21], [10, 11]],
]
EXPECTED: list[list[tuple[int, int, int]]] = [
    [],
    [(3, 6, 3)],
    [(3, 5, 2)],
    [],
    [(11, 20, 9), (21, 30, 9), (31, 40, 9)],
]
CALLS = [f"{ENTRY}({given})" for given in INPUTS]
ASSERTS = "".join(f"assert {call} == {value}\n" for call, value in zip(CALLS, EXPECTED, strict=True))
TESTS = f"from solution import {ENTRY}\n" + "".join(
    f"\n\ndef test_{number}():\n    assert {call} == {value}\n"
    for number, (call, value) in enumerate(zip(CALLS, EXPECTED, strict=True))
)
"""The same cases as a pytest file."""

ANSWER = json.dumps(EXPECTED).encode()
"""What the five calls return, as the floor sends it."""

FRAMES = """\
import pandas as pd


def totals(rows):
    frame = pd.DataFrame(rows, columns=["shop", "day", "sold"])
    frame["sold"] = frame["sold"].fillna(0).astype(int)
    grouped = frame.groupby("shop", sort=True)["sold"].agg(["sum", "max"])
    return [(shop, int(total), int(most)) for shop, total, most in grouped.itertuples()]
"""
FRAMES_INPUTS = [
    [("a", 1, 3), ("b", 1, 4), ("a", 2, 5)],
    [("a", 1, None), ("b", 1, 4)],
    [("c", day, day % 7) for day in range(30)],
]
FRAMES_EXPECTED = [[("a", 8, 5), ("b", 4, 4)], [("a", 0, 0), ("b", 4, 4)], [("c", 85, 6)]]
FRAMES_CALLS = [f"totals({given})" for given in FRAMES_INPUTS]
