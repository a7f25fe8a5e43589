"""What an oracle says of a run, for people: plain lines, no terminal control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mendloop.runs.against_model import Against, Blamed
from mendloop.runs.intervals import Share

_LABEL = 26


def against_lines(found: Against) -> Iterator[str]:
    """Yield the lines of a run against an oracle, precision first, at the end what could not be used and why."""
    yield f"against {found.oracle}: {found.sessions} sessions about its problems, {found.unmatched} about none of them"
    for name, share in found.precision.items():
        yield _line("kept and right" if name == "all" else f"  tier {name}", _share(share))
    yield from _shares({"kept": found.yield_kept, "kept right": found.yield_right})
    yield _line("problems solved", f"{found.solved} of {found.problems}")
    if found.untold:
        yield _line("not told", f"{found.untold} programs could not be judged")
    yield from _rejects(found)
    if (tests := found.test_validity) is not None:
        shares = {"as designed": tests.designed, "as they judged": tests.shown, "held out": tests.held_out}
        yield from _shares({f"valid tests {name}": share for name, share in shares.items()})
    for kind, blamed in found.adjudication.items():
        yield _line(f"said {kind}", _blamed(blamed))
    for rule, blamed in found.adjudication_by_rule.items():
        yield _line(f"  {rule}", _blamed(blamed))
    for place, why in (*found.unusable.items(), *found.not_measured.items()):
        yield _line(f"not used: {place}" if place in found.unusable else f"not measured: {place}", why)


def _shares(shares: Mapping[str, Share | None]) -> Iterator[str]:
    yield from (_line(name, _share(share)) for name, share in shares.items() if share is not None)


def _rejects(found: Against) -> Iterator[str]:
    rejects = found.rejects
    if not rejects.n:
        return
    reasons = ", ".join(f"{reason} x{count}" for reason, count in rejects.by_reason.items())
    because = f" ({reasons})" if reasons else ""
    yield _line("dropped though right", f"{rejects.right} of {rejects.n} dropped programs{because}")
    yield _line("  accepted before", f"{rejects.accepted_right} of {rejects.accepted} are right")


def _share(share: Share) -> str:
    bounds = f"{100 * share.low:.1f} % to {100 * share.high:.1f} %"
    return f"{100 * share.share:.1f} % of {share.n} (95 % interval {bounds}; {share.clusters} problems)"


def _blamed(blamed: Blamed) -> str:
    return f"{blamed.right} right, {blamed.wrong} wrong, {blamed.unclear} not told"


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL}} {text}"
