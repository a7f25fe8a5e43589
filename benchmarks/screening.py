"""What screening finds, what it takes for a finding that is none, and what it costs.

Run `python -m benchmarks.screening`: recall on planted values of each kind (benchmarks/planted.py), findings in the
functions and files of the installed standard library, and processor time beside that of reading the source. With
`--enforce` it exits 1 where recall is below 95 %, a function of the standard library is touched without anything being
there, or reading becomes more than 15 % dearer.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable

from benchmarks.planted import planted
from mendloop.agents.procedural.files import locate, read_files
from mendloop.agents.procedural.source import Candidate, read_source
from mendloop.screening.regions import in_code
from mendloop.screening.scanning import find

SEED, EACH = 7, 200
MIN_RECALL = 0.95
MAX_SHARE = 0.15


def recall() -> dict[str, tuple[int, int]]:
    """Return, by form, how many planted values are covered whole by findings, and how many there are."""
    found: dict[str, list[bool]] = defaultdict(list)
    for each in planted(SEED, EACH):
        start = each.text.index(each.value)
        end = start + len(each.value)
        # Of a value with a mark in front, such as a country code, a finding may cover more.
        found[each.form].append(any(spot.start <= start and end <= spot.end for spot in find(each.text)))
    return {form: (sum(hits), len(hits)) for form, hits in found.items()}


def touched(texts: Iterable[str]) -> Counter[str]:
    """Return how many findings of which kind there are in programs, those that are none left out."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(spot.kind for spot, standing in in_code(text, find(text)).items() if standing != "nothing")
    return counts


def seconds_of_screening(items: Iterable[Candidate]) -> float:
    """Return the processor time, in seconds, of looking through all that a reader looks through."""
    begun = time.process_time()
    for item in items:
        find(item.code)
        find(item.docstring)
        for call in item.seen:
            find(call)
    return time.process_time() - begun


def main() -> int:
    """Print the tables; return 1 where `--enforce` finds a promise broken."""
    print(f"{'planted':24} {'found':>6} {'of':>6}")
    rates = recall()
    for form, (hits, number) in rates.items():
        print(f"{form:24} {hits:6} {number:6}")
    found, planted_ = (sum(column) for column in zip(*rates.values(), strict=True))
    print(f"{'all':24} {found:6} {planted_:6}   {found / planted_:.1%}\n")

    begun = time.process_time()
    source = read_source("stdlib")
    reading = time.process_time() - begun
    screening = min(seconds_of_screening(source.items) for _ in range(3))
    functions = touched(item.code for item in source.items)
    rate = sum(functions.values()) * 1000 / len(source.items)
    print(f"{len(source.items)} functions of the standard library: {dict(functions) or 'no finding'}")
    print(f"findings per 1,000 functions: {rate:.1f}; left out: {source.screened.dropped or 'none'}")
    files, _ = read_files(locate("stdlib", None))
    kinds = touched(file.text for file in files)
    print(f"{len(files)} whole files, which are not sent: {dict(kinds)}")
    share = screening / (reading - screening)
    print(f"reading {reading:.2f} s of processor time, of which screening {screening:.3f} s: {share:.1%} more")
    kept = found / planted_ >= MIN_RECALL and share <= MAX_SHARE and not functions
    return 0 if kept or "--enforce" not in sys.argv else 1


if __name__ == "__main__":
    sys.exit(main())
