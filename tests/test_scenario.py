from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.errors import ScenarioError
from mendloop.executions import Limits
from mendloop.modelspecs import LocalModel, Models, ScriptedModel
from mendloop.scenario import (
    Scenario,
    dump_scenario,
    load_scenario,
    parse_scenario,
    scenario_json_schema,
)
from mendloop.sourcespecs import PythonSource
from mendloop.specs import BudgetSpec, FaultCount, Loop, MemorySpec, SandboxSpec, Target

SCENARIOS = Path(__file__).parent.parent / "scenarios"
MINIMAL = "goal: repair dialogues\nsource: {kind: python, package: stdlib}\n"


def parse(text: str, *overrides: str, base: Path = Path()) -> Scenario:
    return parse_scenario(text, "s.yaml", base, overrides)


def complaint(text: str, *overrides: str, base: Path = Path()) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse(text, *overrides, base=base)
    return str(caught.value)


# --- what is accepted ------------------------------------------------------------------------------------------------


def test_a_minimal_scenario_takes_the_defaults() -> None:
    expected = Scenario(goal="repair dialogues", source=PythonSource(kind="python", package="stdlib"))
    assert parse(MINIMAL) == expected
    assert expected.target == Target(records=100, min_tier="B", min_failed_turns=1)
    assert expected.models.teacher.kind == "procedural"


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_scenario_loads(path: Path) -> None:
    assert load_scenario(path).goal


def test_the_quickstart_is_deterministic_and_names_the_standard_library() -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml")
    assert scenario.deterministic
    assert scenario.source == PythonSource(kind="python", package="stdlib")
    assert scenario.models.teacher.kind == "procedural"
    assert scenario.export == ("sft_multiturn",)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2h", 7200), ("90s", 90), ("1h30m", 5400), ("1 h 30 m", 5400), ("0.5d", 43200), ("250ms", 0.25), (90, 90)],
)
def test_a_duration_has_units_or_is_seconds(written: str | int, seconds: float) -> None:
    assert parse(MINIMAL + f"budget: {{wall: {written}}}").budget.wall == seconds


def test_numbers_and_switches_are_written_as_in_yaml_1_1() -> None:
    scenario = parse(MINIMAL + "budget: {tokens: 5_000_000}\ndeterministic: yes\n")
    assert (scenario.budget.tokens, scenario.deterministic) == (5_000_000, True)


# --- what is refused, and how it is said -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sead: 0", "s.yaml:3: unknown key `sead` (nearest: `seed`)"),
        ("records: 5", "s.yaml:3: unknown key `records` (did you mean `target.records`?)"),
        ("target: {recrods: 5}", "s.yaml:3: unknown key `recrods` (nearest: `records`)"),
        ("sandbox: {limits: {cpu: 5}}", "s.yaml:3: unknown key `cpu` (nearest: `cpu_s`)"),
        ('seed: "5"', 's.yaml:3: `seed`: found the text "5", expected a whole number'),
        ("seed: 5.0", "s.yaml:3: `seed`: found the number 5.0, expected a whole number"),
        ("seed: true", "s.yaml:3: `seed`: found true, expected a whole number"),
        ("seed: -1", "s.yaml:3: `seed`: found the number -1, expected at least 0"),
        ("seed: 1:30", 's.yaml:3: `seed`: found the text "1:30", expected a whole number'),
        ("deterministic: 1", "s.yaml:3: `deterministic`: found the number 1, expected true or false"),
        ("target: 5", "s.yaml:3: `target`: found the number 5, expected a mapping"),
        ("target:", "s.yaml:3: `target`: found nothing, expected a mapping"),
        ("export: sft_multiturn", 's.yaml:3: `export`: found the text "sft_multiturn", expected a list'),
        ("export: [sft_multiturn, sft_multiturn]", "s.yaml:3: `export`: a view is named twice"),
        (
            "export: [preference]",
            "s.yaml:3: export `preference` is not available in this version; available: sft_multiturn",
        ),
        ("propose: [oss_instruct]", "s.yaml:3: `propose` is not available in this version"),
        (
            "models: {teacher: {kind: recorded}}",
            "s.yaml:3: `models.teacher.programs` is missing",
        ),
        (
            "models: {teacher: {kind: proceduarl}}",
            "s.yaml:3: unknown kind `proceduarl` (nearest: `procedural`; "
            "available: auto, openai, several, local, procedural, recorded)",
        ),
        ("models: {teacher: {kind: openai}}", "s.yaml:3: `models.teacher.model` is missing"),
        ("models: {teacher: {kind: auto, temperature: 3}}", "s.yaml:3: `models.teacher.temperature`"),
        ("prompts: {repair: {}}", "s.yaml:3: `prompts.repair`: needs exactly one of `file` and `text`"),
        ("prompts: {repiar: {text: x}}", "s.yaml:3: "),
        ("models: {teacher: {}}", "s.yaml:3: `models.teacher.kind` is missing"),
        (
            "sandbox: {kind: docker}",
            "s.yaml:3: unknown kind `docker` (available: auto, local, bwrap, e2b, unsafe-local)",
        ),
        ("target: {min_tier: A}", "s.yaml:3: `target.min_tier`: the procedural team reaches tier B at most"),
        ("loop: {faults: {min: 4}}", "s.yaml:3: `loop.faults`: `min` (4) is larger than `max` (3)"),
        (
            "loop: {memory: {off_share: 0.5}}",
            "s.yaml:3: `loop.memory`: `off_share` is about lessons of other sessions: say `enabled` beside it",
        ),
        (
            "loop: {held_out: false}",
            "s.yaml:3: `loop.held_out`: tier B needs the held-out suite; ask for tier C",
        ),
        (
            "budget: {wall: 3 weeks}",
            's.yaml:3: `budget.wall`: found the text "3 weeks", expected a duration such as "2h", "1h30m" or "90s"',
        ),
        ("budget: {wall: 1-2h}", 's.yaml:3: `budget.wall`: found the text "1-2h", expected a duration such as '),
        ("seed: 0\nseed: 1", "s.yaml:4: the key `seed` is given twice (first on line 3)"),
        ("seed: &a 0", "s.yaml:3: anchors and aliases"),
        ("seed: !!int 0", "s.yaml:3: the tag `tag:yaml.org,2002:int` is not accepted"),
        ("seed: !!python/name:os.system 0", "s.yaml:3: the tag "),
        ("<<: {seed: 1}", "s.yaml:3: a key must be text, not `<<`"),
        ("1: 2", "s.yaml:3: a key must be text, not `1`"),
        ("seed: [", "s.yaml:4: not valid YAML: "),
        ("seed: \x07", "s.yaml:3: not valid YAML: a control character"),
        ("seed: .inf", "s.yaml:3: `.inf` is not a finite number"),
        ("seed: " + "9" * 5000, "s.yaml:3: a number of more than 40 characters"),
        ("seed: " + "[" * 50_000, "s.yaml:3: nested deeper than 20 levels"),
        ("--- 1", "s.yaml:3: not valid YAML: "),
    ],
)
def test_a_mistake_is_named_with_its_line(line: str, said: str) -> None:
    assert complaint(f"{MINIMAL}{line}\n").startswith(said)


def test_a_source_kind_of_a_later_version_says_what_there_is() -> None:
    text = "goal: x\nsource: {kind: documents}\n"
    available = "python, snippets, instructions, goal, failures, problems"
    assert complaint(text) == f"s.yaml:2: kind `documents` is not available in this version; available: {available}"


@pytest.mark.parametrize("places", ["", ", package: stdlib, path: ."])
def test_a_python_source_is_one_place(places: str) -> None:
    text = f"goal: x\nsource: {{kind: python{places}}}\n"
    assert complaint(text) == "s.yaml:2: `source`: needs exactly one of `package` and `path`"


def test_all_mistakes_are_listed_in_the_order_of_the_file() -> None:
    text = "seed: x\nsource: {kind: python, package: stdlib}\nsandbox: {workers: 0}\n"
    assert complaint(text).split("\n") == [
        "s.yaml: `goal` is missing",
        's.yaml:1: `seed`: found the text "x", expected a whole number',
        "s.yaml:3: `sandbox.workers`: found the number 0, expected at least 1",
    ]


def test_a_very_long_list_of_mistakes_is_cut() -> None:
    lines = complaint(MINIMAL + "".join(f"zz{number}: 1\n" for number in range(100))).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "and 80 more"


@pytest.mark.parametrize("key", ["api_key", "base_url", "OPENAI_API_KEY", "token"])
def test_a_key_or_an_address_is_refused_and_not_repeated(key: str) -> None:
    said = complaint(f"{MINIMAL}models: {{teacher: {{kind: procedural, {key}: sk-canary}}}}\n")
    assert "never stand in a scenario" in said
    assert "sk-canary" not in said


@pytest.mark.parametrize(
    ("text", "said"), [("", "s.yaml: the scenario is empty"), ("\n- a", "s.yaml:2: a scenario is")]
)
def test_a_scenario_is_a_mapping(text: str, said: str) -> None:
    assert complaint(text).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"goal: x\nseed: \xff", ":2: not UTF-8 text"),
        (b"#" * 1_000_001, ": larger than 1 MB"),
        (None, ": no such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "s.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert str(caught.value) == f"{path}{said}"


def test_a_folder_is_not_a_scenario(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="this is a folder"):
        load_scenario(tmp_path)


# --- overrides -------------------------------------------------------------------------------------------------------


def test_an_override_changes_any_value() -> None:
    scenario = parse(MINIMAL, "target.records=7", "loop.memory={window: 3}", "goal=fix: all # of them", "export=[]")
    assert (scenario.target.records, scenario.loop.memory.window) == (7, 3)
    assert (scenario.goal, scenario.export) == ("fix: all # of them", ())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("target.recrods=1", "--set target.recrods: unknown key `recrods` (nearest: `records`)"),
        ("lop.max_repairs=1", "--set lop.max_repairs: unknown key `lop` (nearest: `loop`)"),
        ("seed='1'", '--set seed: `seed`: found the text "1", expected a whole number'),
        ("seed=", "--set seed: `seed`: found nothing, expected a whole number"),
        ("loop={memory: {windw: 1}}", "--set loop: unknown key `windw` (nearest: `window`)"),
        ("goal.x=1", "--set goal.x: `goal` is not a mapping"),
        ("export=[a", "--set export: not valid YAML: "),
        ("seed", "--set: `seed` is not of the form key.path=value"),
        ("a..b=1", "--set: `a..b=1` is not of the form key.path=value"),
    ],
)
def test_a_mistake_in_an_override_is_named(override: str, said: str) -> None:
    assert complaint(MINIMAL, override).startswith(said)


# --- paths -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "base" / "code").mkdir(parents=True)
    (tmp_path / "base" / "link").symlink_to(tmp_path / "outside")
    return tmp_path / "base"


def with_path(path: str) -> str:
    return f"goal: x\nsource:\n  kind: python\n  path: {path}\n"


@pytest.mark.parametrize("path", ["code", "./code", "code/../code"])
def test_a_path_is_relative_to_the_scenario(folder: Path, path: str) -> None:
    assert parse(with_path(path), base=folder).source.path == str(folder / "code")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../outside", "s.yaml:4: `source.path` leaves the scenario's folder"),
        ("link", "s.yaml:4: `source.path` leaves the scenario's folder"),
        ("/tmp", "s.yaml:4: `source.path` is relative to the scenario's folder"),
        ("cod", "s.yaml:4: `source.path`: no such file or folder: "),
        (r'"a\0b"', "s.yaml:4: `source.path` cannot be used: "),
        ('""', 's.yaml:4: `source.path`: found the text "", expected a text that is not empty'),
    ],
)
def test_a_path_stays_inside_the_scenarios_folder(folder: Path, path: str, said: str) -> None:
    assert complaint(with_path(path), base=folder).startswith(said)


def test_a_path_given_by_hand_is_free_and_replaces_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    expected = PythonSource(kind="python", path=str(folder.parent / "outside"))
    assert parse(MINIMAL, "source.path=../outside", base=folder).source == expected
    assert parse(MINIMAL, f'source.path="{folder.parent}/outside"', base=folder).source == expected


# --- writing ---------------------------------------------------------------------------------------------------------


def test_a_dumped_path_is_relative_to_the_scenario_again(folder: Path) -> None:
    scenario = parse(with_path("code"), base=folder)
    text = dump_scenario(scenario, folder)
    assert "path: code\n" in text
    assert parse(text, base=folder) == scenario


def test_a_dumped_path_outside_loads_when_the_text_is_our_own(folder: Path) -> None:
    scenario = parse(MINIMAL, f"source.path={folder.parent}/outside", base=folder)
    (folder.parent / "outside").rmdir()  # a replay needs the journal only
    assert parse_scenario(dump_scenario(scenario), "s.yaml", folder, confined=False) == scenario
    assert "give it on the command line" in complaint(dump_scenario(scenario), base=folder)


counts = st.integers(1, 10**6)
positive = st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False)
scenarios = st.builds(
    Scenario,
    goal=st.text(min_size=1).filter(lambda text: bool(text.strip())),
    target=st.builds(Target, records=counts, min_tier=st.sampled_from(["B", "C"]), min_failed_turns=st.integers(0, 1)),
    seed=st.integers(0, 10**30),
    deterministic=st.booleans(),
    source=st.builds(
        PythonSource,
        kind=st.just("python"),
        package=st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.\-]{0,20}\Z"),
        path=st.none(),
    ),
    models=st.builds(Models, teacher=st.one_of(st.builds(ScriptedModel, kind=st.just("scripted")))),
    loop=st.builds(
        Loop,
        max_repairs=counts,
        variants=counts,
        faults=st.builds(FaultCount, min=st.integers(1, 3), max=st.integers(3, 9)),
        memory=st.builds(
            MemorySpec, enabled=st.booleans(), window=counts, off_share=st.floats(0, 1), top=st.integers(0, 9)
        ),
        concurrency=counts,
    ),
    sandbox=st.builds(
        SandboxSpec, workers=st.none() | counts, limits=st.builds(Limits, cpu_s=positive, memory_mb=counts)
    ),
    budget=st.builds(BudgetSpec, wall=st.none() | positive, usd=st.none() | positive, tokens=st.none() | counts),
    export=st.sampled_from([(), ("sft_multiturn",)]),
)


@given(scenarios)
def test_a_dumped_scenario_loads_equal(scenario: Scenario) -> None:
    assert parse(dump_scenario(scenario)) == scenario


def test_the_json_schema_names_every_key() -> None:
    schema: dict[str, Any] = scenario_json_schema()
    assert set(schema["properties"]) == set(Scenario.model_fields)
    assert schema["required"] == ["goal", "source"]


# --- templates and weights -------------------------------------------------------------------------------------------

TEMPLATE = "{% block system %}s{% endblock %}{% block user %}u{% endblock %}"


def test_a_template_file_becomes_its_text_and_is_not_needed_again(tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text(TEMPLATE, "utf-8")
    loaded = parse_scenario(f"{MINIMAL}prompts: {{repair: {{file: mine.j2}}}}\n", "s.yaml", tmp_path)
    assert loaded.prompts["repair"].text == TEMPLATE
    (tmp_path / "mine.j2").unlink()
    assert parse_scenario(dump_scenario(loaded), "the journal's", Path(), confined=False) == loaded


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("../mine.j2", "`prompts.repair.file` leaves the scenario's folder"),
        ("/etc/passwd", "`prompts.repair.file` is relative to the scenario's folder"),
        ("absent.j2", "`prompts.repair.file`: no such file"),
    ],
)
def test_a_template_file_stays_inside_the_scenarios_folder(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "mine.j2").write_text(TEMPLATE, "utf-8")
    (tmp_path / "inner").mkdir()
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(f"{MINIMAL}prompts: {{repair: {{file: {written}}}}}\n", "s.yaml", tmp_path / "inner")
    assert said in caught.value.what


def test_a_file_of_weights_is_found_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    text = f"{MINIMAL}models: {{teacher: {{kind: local, model: own.gguf}}}}\n"
    teacher = parse_scenario(text, "s.yaml", tmp_path).models.teacher
    assert isinstance(teacher, LocalModel)
    assert teacher.model == str(tmp_path / "own.gguf")


@pytest.mark.parametrize("goal", ["0\x85", "a\u2028b", "c\u2029", "a\ufeffb", "two\nlines"])
def test_a_goal_with_odd_line_breaks_is_written_so_that_it_loads_equal(goal: str) -> None:
    loaded = parse(MINIMAL, f"goal={json.dumps(goal)}")
    assert loaded.goal == goal
    assert parse(dump_scenario(loaded)) == loaded


def test_a_temperature_can_be_left_to_the_server() -> None:
    loaded = parse(f"{MINIMAL}models: {{teacher: {{kind: auto, temperature: server}}}}\n")
    assert parse(dump_scenario(loaded)) == loaded


@pytest.mark.parametrize("kind", ["goal", "snippets", "instructions", "failures"])
def test_a_source_without_functions_needs_a_language_model(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n", "utf-8")
    text = f"goal: x\nsource: {{kind: {kind}, path: x.jsonl}}\n"
    with pytest.raises(ScenarioError, match="needs a language model"):
        parse_scenario(text, "s.yaml", tmp_path)
