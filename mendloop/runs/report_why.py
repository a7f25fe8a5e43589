"""Why a figure of a report was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mendloop.runs.observed import Sight

_NO_RECORD = "no record was kept"
_NO_MODEL = "no language model was asked"
_NO_TIMES = "the answers carry no times"
_BASIS_OF = {"prompted": "none", "given": "given"}
"""What the tests of a team rest on; all others have an executed reference."""
_OF_RECORDS = ("mutation_score", "faults", "operators", "peers_agreeing", "peers_other_family", "turns_to_repair")
_WHY = {
    "kept_per_100k_tokens": "no tokens were spent",
    "kept_per_usd": "no money was spent",
    "kept_share": "no session ended",
    "tier_shares": _NO_RECORD,
    "held_out": "no accepted program met a held-out suite",
    "compared": "no accepted program other than its reference was run beside one",
    "test_validity": "every expected value is from the executed reference; no test was written independently of it",
    "mutation_score": "no kept record has live mutants",
    "repair_against_resampling": "no share of the problems was spent on resampling",
    "faults": "no kept record began with injected faults",
    "operators": "no kept record began with injected faults",
    "diversity": _NO_RECORD,
    "near_duplicates": _NO_RECORD,
    "difficulty": "no first program was judged",
    "memory_lift": "no turn failed with memory on, or none with memory off",
    "peers_agreeing": "no peers were asked for",
    "peers_other_family": "no peer was written by a model of another family",
    "grounded_share": _NO_RECORD,
    "repaired": "no turn failed",
    "turns_to_repair": "no kept record has a failing turn",
    "tokens_per_kept": _NO_MODEL,
    "tokens_per_model_s": _NO_MODEL,
    "tokens_per_wall_s": _NO_MODEL,
    "cached_share": _NO_MODEL,
    "model_use": _NO_MODEL,
    "usd": "tokens were spent, and the price is not known",
    "contamination": "nothing was compared with public benchmarks",
    "budget": "the scenario sets no budget in tokens or US dollars",
}
_WHY_OF_A_MODEL = {
    "kept_per_100k_tokens": "no tokens were counted",
    "tokens_per_kept": _NO_RECORD,
    "tokens_per_model_s": _NO_TIMES,
    "tokens_per_wall_s": _NO_TIMES,
    "cached_share": "no answer named cached prompt tokens; a server may not count them",
}
_NO_REFERENCE = "and no reference to check them against; `mendloop report RUN --against FILE` takes yours"


def reasons(sight: Sight, figures: Mapping[str, object]) -> dict[str, str]:
    """Return why each figure that is None was not measured, and what of the run was erased."""
    why = _WHY | (_WHY_OF_A_MODEL if sight.asked else {})
    if sight.asked and figures["usd"] is None:
        why["kept_per_usd"] = why["usd"]
    missing = {key: why[key] for key, value in figures.items() if value is None and key in why}
    if not sight.outlines:
        missing |= {key: _NO_RECORD for key in _OF_RECORDS if key in missing}
    missing["test_validity"] = _why_no_validity(sight, why["test_validity"])
    if erased := sum(each.erased for each in sight.sessions):
        missing["redacted_records"] = f"{erased} kept records were erased on request; figures leave them out"
    return missing


def _why_no_validity(sight: Sight, otherwise: str) -> str:
    bases: Iterable[str] = {each.evidence.basis for each in sight.outlines} or {
        _BASIS_OF.get(sight.story.facts.team, "reference")
    }
    if "none" in bases:
        return f"generated tests, {_NO_REFERENCE}"
    return f"the tests were given, {_NO_REFERENCE}" if "given" in bases else otherwise
