"""The card: what it says is what the records are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from mendloop.datasets.card import Shape, cell, render_card, scenario_text, size_category
from mendloop.datasets.licences import licence_fields
from mendloop.datasets.views import SFT_COLUMNS
from mendloop.records import Record
from mendloop.runs.counted import RunFacts
from mendloop.runs.figures import outline_of
from tests.datasets.made_run import MODEL, PROMPTS, SCENARIO, WEIGHTS, record_of, record_of_a_model

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
    assert (told["license"], told["license_name"]) == ("other", "psf-2.0")
    assert (told["language"], told["size_categories"]) == (["en"], ["n<1K"])
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
    assert (front(card)["license"], front(card)["license_name"]) == ("other", "several")
    assert "| MIT | 1 |\n| PSF-2.0 | 1 |" in card


@pytest.mark.parametrize(
    ("licences", "fields"),
    [
        (["Apache-2.0"], {"license": "apache-2.0"}),
        (["MIT", "MIT"], {"license": "mit"}),
        (["GPL-3.0-or-later"], {"license": "gpl-3.0"}),
        (["PSF-2.0"], {"license": "other", "license_name": "psf-2.0"}),
        (["MIT", "BSD-3-Clause"], {"license": "other", "license_name": "several"}),
        (["MIT", "unknown"], {"license": "other", "license_name": "several"}),
        (["user's own"], {"license": "other", "license_name": "see-the-card"}),
        (["unknown", ""], {"license": "unknown"}),
        (["generated"], {"license": "unknown"}),
    ],
)
def test_the_licence_is_one_that_a_hub_knows(licences: list[str], fields: dict[str, str]) -> None:
    assert licence_fields(licences) == fields


@pytest.mark.parametrize(("rows", "name"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**6, "n>1M")])
def test_size_categories_are_the_hubs(rows: int, name: str) -> None:
    assert size_category(rows) == name


def test_a_scenario_of_ones_own_code_does_not_tell_where_it_lies() -> None:
    scenario = {"goal": "x", "source": {"kind": "python", "path": "/home/somebody/work/code", "package": None}}
    assert yaml.safe_load(scenario_text(scenario)) == {"goal": "x", "source": {"kind": "python", "path": "code"}}


def test_a_model_of_ones_own_does_not_tell_where_it_lies() -> None:
    teacher = {"kind": "local", "model": "/home/somebody/mine.gguf"}
    scenario = {"goal": "x", "source": {"kind": "goal"}, "models": {"teacher": teacher}}
    assert yaml.safe_load(scenario_text(scenario))["models"]["teacher"]["model"] == "mine.gguf"
    assert scenario["models"] == {"teacher": {"kind": "local", "model": "/home/somebody/mine.gguf"}}
    card = card_of(record_of(0), facts=replace(FACTS, scenario=scenario))
    assert "where `scenario.yaml` is (`models.teacher.model`: a path of its author's" in card


def test_a_model_of_an_endpoint_keeps_its_whole_name() -> None:
    scenario = {"goal": "x", "models": {"teacher": {"kind": "openai", "model": "Qwen/Qwen2.5-Coder"}}}
    assert yaml.safe_load(scenario_text(scenario)) == scenario


def test_an_unknown_scenario_is_left_out() -> None:
    assert "```yaml" not in card_of(record_of(0), facts=RunFacts())


def test_a_cell_cannot_break_its_table() -> None:
    assert cell("a|b\nc<script>") == "a\\|b c&lt;script>"


# --- language models -------------------------------------------------------------------------------------------------

BY_THE_MODEL = f"`{MODEL}`"


def authors(card: str) -> dict[str, str]:
    """Return the table of who wrote what."""
    table = card.split("| Part | Author |\n|---|---|\n")[1].split("\n\n", 1)[0]
    return dict(line.strip("| ").split(" | ", 1) for line in table.splitlines())


def written_by_the_model(card: str) -> set[str]:
    return {part for part, author in authors(card).items() if BY_THE_MODEL in author}


@pytest.mark.parametrize(
    ("team", "parts"),
    [
        ("injected", {"Diagnoses and lessons", "Repaired programs, and the words with them"}),
        ("given", {"Diagnoses and lessons", "Repaired programs, and the words with them"}),
        (
            "prompted",
            {
                "Problem statements, in a fixed frame",
                "Tests",
                "All programs, and the words with them",
                "Diagnoses and lessons",
            },
        ),
    ],
)
def test_the_card_says_which_parts_the_model_wrote(team: str, parts: set[str]) -> None:
    card = card_of(record_of_a_model(0, team))
    assert written_by_the_model(card) == parts
    assert authors(card)["Reports of failing tests"] == "templates filled with what was executed; no model"
    assert "No language model wrote" not in card


def test_injected_faults_are_said_to_be_operators_in_real_functions() -> None:
    told = authors(card_of(record_of_a_model(0)))
    assert told["First programs"].startswith("the real functions with faults injected by operators")
    assert "executing the functions themselves" in told["Tests"]


def test_given_programs_are_said_to_be_of_an_unknown_writer() -> None:
    card = card_of(record_of_a_model(0, "given"))
    assert authors(card)["First programs"] == "given, in the same file; it does not say who or what wrote them"
    assert "- Expected values: given (1)." in card
    assert "Problems, tests and first programs were given by the run's author in a file" in card


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("goal", f"{BY_THE_MODEL}, from the goal of the run"),
        ("snippets", f"{BY_THE_MODEL}, with an idea from pieces of given code that it was shown"),
        ("instructions", f"{BY_THE_MODEL}, which made given instructions precise"),
    ],
)
def test_a_models_statements_say_where_they_come_from(kind: str, said: str) -> None:
    card = card_of(record_of_a_model(0, "prompted", kind=kind))
    assert authors(card)["Problem statements, in a fixed frame"] == said


def test_the_card_names_models_weights_and_prompts() -> None:
    lines = card_of(record_of_a_model(0)).splitlines()
    assert f"| `{MODEL}` | critic, programmer | `{WEIGHTS}` |" in lines
    assert f"| repair | `{PROMPTS['repair']}` |" in lines


def test_a_prompt_of_the_scenarios_own_is_marked() -> None:
    facts = replace(FACTS, scenario={**SCENARIO, "prompts": {"repair": {"text": "..."}}})
    card = card_of(record_of_a_model(0), facts=facts)
    assert f"| repair (the scenario's own) | `{PROMPTS['repair']}` |" in card
    assert f"| diagnose | `{PROMPTS['diagnose']}` |" in card


def test_the_reader_is_told_to_check_the_models_licence() -> None:
    assert "**Check the model's licence or terms before you train on this.**" in card_of(record_of_a_model(0))
    assert "before you train on this" not in card_of(record_of(0))


def test_generated_tests_are_said_to_be_confirmed_by_nothing() -> None:
    card = card_of(record_of_a_model(0, "prompted"))
    assert "Generated tests (1 of 1 rows, `basis: none` in `evidence`)" in card
    assert "Nothing independent confirmed the tests" in card
    assert "- Expected values: generated (1)." in card


@pytest.mark.parametrize("team", ["procedural", "injected"])
def test_an_executed_reference_is_said_to_be_one(team: str) -> None:
    card = card_of(record_of(0) if team == "procedural" else record_of_a_model(0))
    assert "Generated tests" not in card
    assert "- Expected values: from executing the reference (1)." in card


def test_a_comparison_with_the_reference_is_told_where_there_was_one() -> None:
    one, other = record_of_a_model(0), record_of_a_model(2)
    compared = one.evidence.model_copy(update={"reference_inputs": 24})
    card = card_of(one.model_copy(update={"evidence": compared}), other)
    assert "likely to part: 1 of 2 rows,\n  a median of 24 inputs, and the results are equal. The other rows" in card
    assert "Compared with the executed reference" not in card_of(other)


def test_repairs_of_real_code_stay_under_its_licence() -> None:
    card = card_of(record_of_a_model(0))
    assert "changed by the injected faults and by a model's repairs" in card
    assert front(card)["license_name"] == "psf-2.0"


def test_generated_code_has_no_packages_and_no_stated_licence() -> None:
    card = card_of(record_of_a_model(0, "prompted"), record_of_a_model(2, "prompted"))
    told = front(card)
    assert told["pretty_name"] == f"Verified repair dialogues ({MODEL})"
    assert told["license"] == "unknown"
    assert "| Sources | the goal in words (2) |" in card
    assert "| generated | 2 |" in card
    assert "its source's" not in card
    assert "| Distinct function names | 2; near-duplicate clusters: 2 |" in card
    assert "at most 1: split by `cluster` (in `problem`), not by row" in card


def test_rows_of_two_teams_are_told_apart() -> None:
    card = card_of(record_of(0), record_of_a_model(1), record_of_a_model(2, "prompted"))
    assert "No language model wrote the rows whose `teacher` is `procedural`." in card
    assert "1 row of team `injected`, source `python`:" in card
    assert "1 row of team `prompted`, source `goal`:" in card


def test_a_team_that_is_not_known_is_described_by_nothing_more_than_its_provenance() -> None:
    record = record_of(0)
    other = record.model_copy(update={"provenance": record.provenance.model_copy(update={"team": "teacher"})})
    assert "Team `teacher`: column `provenance` says what is known." in card_of(other)
