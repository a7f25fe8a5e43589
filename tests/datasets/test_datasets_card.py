"""The card: what it says is what the records are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from mendloop.datasets.card import Shape, cell, licence_id, render_card, scenario_text, size_category
from mendloop.datasets.views import SFT_COLUMNS
from mendloop.records import Record
from mendloop.runs.counted import RunFacts
from mendloop.runs.figures import outline_of
from tests.datasets.made_run import SCENARIO, record_of

FACTS = RunFacts(team="procedural", version="0.1.0", seed=7, scenario=SCENARIO, first=1e9, last=1e9 + 200_000)


def card_of(*records: Record, facts: RunFacts = FACTS) -> str:
    shape = Shape("sft_multiturn", SFT_COLUMNS, "parquet", len(records), 1)
    return render_card(shape, [outline_of(record) for record in records], facts)


def with_source(record: Record, **changes: Any) -> Record:
    source = record.problem.source.model_copy(update=changes)
    return record.model_copy(update={"problem": record.problem.model_copy(update={"source": source})})


def front(card: str) -> dict[str, Any]:
    return dict(yaml.safe_load(card.split("---\n")[1]))


def test_the_front_matter_points_at_the_rows() -> None:
    told = front(card_of(record_of(0)))
    assert told["configs"] == [
        {
            "config_name": "sft_multiturn",
            "default": True,
            "data_files": [{"split": "train", "path": "sft_multiturn/train-*.parquet"}],
        }
    ]
    assert (told["license"], told["language"], told["size_categories"]) == ("psf-2.0", ["en"], ["n<1K"])
    assert told["task_categories"] == ["text-generation"]


@pytest.mark.parametrize(
    "line",
    [
        "| Rows | 3 |",
        "| Distinct functions | 2, from 1 module; near-duplicate clusters: 2 |",
        "| Rows that share one function | at most 2: split by `function`, not by row |",
        "| Tiers | B: 3 |",
        "| Memory of earlier lessons | on for 3 of 3 rows |",
        "| off_by_one | 4 |",
        "- Contamination with public benchmarks: not checked.",
        "- Mutation score of the shown suite: median 0.90, mean 0.90 (3 rows).",
        "- Isolation of the executions: local (3); integrity: values (3).",
    ],
)
def test_the_card_counts_its_records(line: str) -> None:
    assert line in card_of(record_of(0, 1), record_of(1, 2), record_of(2, 1)).splitlines()


def test_the_card_of_a_procedural_team_says_that_no_model_wrote_it() -> None:
    assert "No language model wrote this." in card_of(record_of(0))


def test_the_card_of_a_model_says_no_such_thing() -> None:
    record = record_of(0)
    model = record.model_copy(update={"provenance": record.provenance.model_copy(update={"team": "teacher"})})
    assert "No language model" not in card_of(model)


def test_the_card_carries_the_days_of_the_run_and_how_to_make_it_again() -> None:
    card = card_of(record_of(0))
    assert "Made with mendloop 0.1.0 on 2001-09-09 to 2001-09-11, team procedural, seed 7, deterministic." in card
    assert yaml.safe_load(card.split("```yaml\n")[1].split("```")[0]) == SCENARIO


def test_a_run_of_so_many_sessions_is_made_again_with_as_many() -> None:
    card = card_of(record_of(0), facts=replace(FACTS, sessions=12))
    assert "mendloop run scenario.yaml --out RUN --sessions 12" in card.splitlines()


def test_mixed_licences_are_listed_and_called_other() -> None:
    card = card_of(record_of(0), with_source(record_of(1), licence="MIT"))
    assert front(card)["license"] == "other"
    assert "MIT (1), PSF-2.0 (1)" in card


@pytest.mark.parametrize(
    ("licences", "identifier"),
    [
        (["Apache-2.0"], "apache-2.0"),
        (["MIT", "MIT"], "mit"),
        (["MIT", "BSD-3-Clause"], "other"),
        (["user's own"], "other"),
        (["unknown"], "other"),
        ([""], "other"),
    ],
)
def test_a_licence_id_is_one_spdx_identifier_or_other(licences: list[str], identifier: str) -> None:
    assert licence_id(licences) == identifier


@pytest.mark.parametrize(("rows", "name"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**6, "n>1M")])
def test_size_categories_are_the_hubs(rows: int, name: str) -> None:
    assert size_category(rows) == name


def test_a_scenario_of_ones_own_code_does_not_tell_where_it_lies() -> None:
    scenario = {"goal": "x", "source": {"kind": "python", "path": "/home/somebody/work/code", "package": None}}
    assert yaml.safe_load(scenario_text(scenario)) == {"goal": "x", "source": {"kind": "python", "path": "code"}}


def test_an_unknown_scenario_is_left_out() -> None:
    assert "```yaml" not in card_of(record_of(0), facts=RunFacts())


def test_a_cell_cannot_break_its_table() -> None:
    assert cell("a|b\nc<script>") == "a\\|b c&lt;script>"
