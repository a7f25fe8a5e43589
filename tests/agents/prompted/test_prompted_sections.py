"""Reading answers: headings in any decoration, programs in any fence, and texts made to be slow to read."""

from __future__ import annotations

import ast
import string
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mendloop.agents.faultnames import FAULTS, fault_named
from mendloop.agents.prompted.critic import prose
from mendloop.agents.prompted.programmer import note_in
from mendloop.agents.prompted.proposing import concepts_in, problem_in, restated_in, signature_in
from mendloop.agents.prompted.sections import MAX_ANSWER, Block, Malformed, blocks_of, program_in, sections_of
from mendloop.agents.prompted.tester import cases_in, value_in
from mendloop.agents.shapes import shape
from mendloop.records import Problem, Source

NAMES = ("WHY", "LINE", "FAULT")
RIGHT = "def double(n):\n    return n * 2\n"
WRONG = "def double(n):\n    return n\n"
SOURCE = Source(kind="goal", package="", qualname="")
PROBLEM = Problem(id="p", statement="Write `double(n)`.", entry_point="double", signature="double(n)", source=SOURCE)


def fenced(code: str, language: str = "python", fence: str = "```") -> str:
    return f"{fence}{language}\n{code}{fence}\n"


def complaint(answer: str, entry_point: str = "double") -> str:
    with pytest.raises(Malformed) as raised:
        program_in(answer, entry_point)
    return str(raised.value)


# --- sections --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [
        "WHY: {}",
        "Why: {}",
        "WHY:{}",
        "WHY :  {}",
        "**WHY:** {}",
        "**WHY**: {}",
        "**WHY:**{}",
        "*Why:* {}",
        "__Why__: {}",
        "- WHY: {}",
        "> WHY: {}",
        "1. WHY: {}",
        "2) **Why:** {}",
        "### WHY: {}",
        "### WHY\n{}",
        "**WHY**\n{}",
        "WHY\n\n{}",
        "## **WHY:**\n{}",
        "WHY：{}",
    ],
)
def test_a_heading_counts_in_every_decoration(heading: str) -> None:
    text = f"LINE: 1\n{heading.format('It adds.')}\nFAULT: off_by_one"
    assert sections_of(text, NAMES) == {"WHY": "It adds.", "LINE": "1", "FAULT": "off_by_one"}


@pytest.mark.parametrize("fence", ["```", "~~~", "````", "  ```"])
def test_a_heading_in_a_fence_is_code(fence: str) -> None:
    text = f"WHY: see\n{fence}python\nLINE: 3\n{fence}\nLINE: 4"
    assert sections_of(text, NAMES) == {"WHY": f"see\n{fence}python\nLINE: 3\n{fence}", "LINE": "4"}


def test_a_fence_that_opens_beside_its_heading_is_one() -> None:
    assert sections_of("WHY: ```\nFAULT: no\n```\nLINE: 2", NAMES) == {"WHY": "```\nFAULT: no\n```", "LINE": "2"}


def test_of_repeated_headings_the_first_with_content_counts() -> None:
    text = "WHY:\nLINE: 2\nWHY: first\nWHY: second\nmore of it\nLINE: 9"
    assert sections_of(text, NAMES) == {"WHY": "first", "LINE": "2"}


def test_text_before_the_first_heading_stands_under_no_name() -> None:
    assert sections_of("Let me see.\nWell.\n\nLINE: 2", NAMES) == {"": "Let me see.\nWell.", "LINE": "2"}


@pytest.mark.parametrize(
    "line", ["Why: not", "the why: of it", "LINES: 3", "LINE 3", "why it fails: n", "def why(n):", "WHY? because"]
)
def test_only_the_name_itself_is_a_heading(line: str) -> None:
    assert ("LINE" in sections_of(line, ("LINE",))) is False


@pytest.mark.parametrize("text", ["_private(n: int) -> int", "it never calls __init__", "a * b"])
def test_a_section_keeps_what_only_looks_like_decoration(text: str) -> None:
    assert sections_of(f"WHY: {text}", NAMES) == {"WHY": text}


@given(st.lists(st.sampled_from(string.ascii_lowercase), min_size=1, max_size=500))
@settings(max_examples=30, deadline=None)
def test_a_long_line_loses_nothing(words: list[str]) -> None:
    said = " ".join(words)
    assert sections_of(f"WHY: {said}", NAMES) == {"WHY": said}


# --- blocks ----------------------------------------------------------------------------------------------------------


def test_blocks_are_read_in_order_with_their_language() -> None:
    text = "a\n```Python\nx\n```\nb\n~~~\ny\n~~~\n````js title=1\n```\nz\n````\n```py\nopen"
    assert blocks_of(text) == [
        Block("python", "x", closed=True),
        Block("", "y", closed=True),
        Block("js", "```\nz", closed=True),
        Block("py", "open", closed=False),
    ]


def test_a_fence_with_a_language_begins_a_block_where_the_last_was_never_closed() -> None:
    text = "```python\nx\n```python\ny\n```"
    assert blocks_of(text) == [Block("python", "x", closed=False), Block("python", "y", closed=True)]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_every_end_of_line_is_one(end: str) -> None:
    assert blocks_of(f"```python{end}a{end}b{end}```{end}") == [Block("python", "a\nb", closed=True)]


# --- programs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(fenced(RIGHT), id="fence"),
        pytest.param(fenced(RIGHT, ""), id="fence without a language"),
        pytest.param(fenced(RIGHT, "python3"), id="python3"),
        pytest.param(fenced(RIGHT, "javascript"), id="a fence that says another language and holds Python"),
        pytest.param(fenced(RIGHT, "python", "~~~"), id="tildes"),
        pytest.param(f"```python\n{RIGHT}", id="unclosed"),
        pytest.param(f"```python\ndef half(n):\n    return n\n```python\n{RIGHT}```", id="an unclosed one before it"),
        pytest.param(f"```markdown\nSo:\n{fenced(RIGHT)}```\n", id="a fence in a fence"),
        pytest.param(RIGHT, id="bare"),
        pytest.param(f"Here it is:\n\n{RIGHT}\nThis doubles it, doesn't it?\n", id="bare in prose"),
        pytest.param(f"Here: ```python\n{RIGHT}```", id="a fence that opens within a line"),
        pytest.param(f"Sure!\n{fenced(RIGHT)}It doubles.", id="prose around"),
        pytest.param(fenced("print(1)\n") + fenced("double(2)\n") + fenced(RIGHT), id="blocks without it first"),
        pytest.param(fenced("double(2)  # 4\n", "") + fenced(RIGHT), id="usage first"),
        pytest.param(fenced("  def double(n):\n      return n * 2\n"), id="indented"),
        pytest.param("  ```python\n  def double(n):\n      return n * 2\n  ```\n", id="indented with its fence"),
        pytest.param(fenced(RIGHT + "\nprint(double(2))\n"), id="print"),
        pytest.param(fenced(RIGHT + "\nassert double(2) == 4\nassert double(0) == 0, 'no'\n"), id="asserts"),
        pytest.param(fenced(RIGHT + "\nif __name__ == '__main__':\n    print(double(2))\n"), id="main block"),
        pytest.param(fenced(RIGHT + "print(double(1)); print(double(2))\n"), id="two on one line"),
        pytest.param(fenced(RIGHT + "\nprint(\n    double(2),\n)\n"), id="a print over lines"),
        pytest.param(f"{RIGHT}\nprint(double(2))\n\nThe output is 4.\n", id="bare with a print and prose"),
        pytest.param(
            fenced(f"{RIGHT}\ndef test_double():\n    assert double(2) == 5\n\ntest_double()\n"), id="a test of its own"
        ),
    ],
)
def test_the_program_is_found(answer: str) -> None:
    assert program_in(answer, "double") == RIGHT


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import math\n\n\ndef helper(n):\n    return n\n\n\n" + RIGHT, id="imports and helpers"),
        pytest.param("import sys\nsys.setrecursionlimit(5000)\n\n" + RIGHT, id="a call before it sets it up"),
        pytest.param(RIGHT + "\nLIMIT = 3\n", id="a constant after it"),
        pytest.param("@staticmethod\n" + RIGHT, id="decorated"),
        pytest.param('"""Doubles."""\n' + RIGHT, id="a docstring"),
        pytest.param(
            "def test_even(n):\n    return n % 2 == 0\n\n" + RIGHT, id="a helper before it that is called a test"
        ),
        pytest.param("MARK = '\x0c'\nLINE = '\u2028'\n" + RIGHT, id="odd separators in texts"),
    ],
)
def test_what_belongs_to_the_program_stays(code: str) -> None:
    assert program_in(fenced(code), "double") == code


def test_dropping_a_line_of_tries_drops_no_other() -> None:
    code = f"{RIGHT}print(double(1)); print(double(2))\nLIMIT = 3\n"
    assert program_in(fenced(code), "double") == f"{RIGHT}LIMIT = 3\n"


@pytest.mark.parametrize(
    "tries",
    [
        "numbers = [1, 2]\nprint(double(numbers[0]))\n",
        "n = double(3)\nprint(n)\n",
        "a, (b, *c) = 1, (2, 3)\nd: int = double(a)\nprint(d, b, c)\n",
        "n = 1\nprint(double(n))\nn = n + 1\nprint(double(n))\n",
        "numbers = [1, 2]\nif __name__ == '__main__':\n    print(double(numbers[0]))\n",
    ],
)
def test_what_only_tries_are_given_is_left_out_with_them(tries: str) -> None:
    assert program_in(fenced(f"{RIGHT}\n# Try it\n{tries}"), "double") == RIGHT


@pytest.mark.parametrize(
    "code",
    [
        "def double(n):\n    return n * TWO\n\nTWO = 2\n",
        "class Two:\n    value = lambda: TWO\n\n" + RIGHT + "TWO = 2\n",
        RIGHT + "TWO = 2\nFOUR = TWO * 2\nEIGHT: int = FOUR * 2\nEIGHT += FOUR\n",
        RIGHT + "TWO = 2\ndef quadruple(n, by=TWO):\n    return double(n) * by\n",
        RIGHT + "TWO = {}\nTWO['a'] = 2\n",
        RIGHT + "nonlocal n\nTWO = 2\n",
    ],
)
def test_what_the_program_reads_stays_though_a_try_reads_it_too(code: str) -> None:
    names = ", ".join(sorted({"TWO", "FOUR", "EIGHT"} & set(code.replace(":", " ").split())))
    assert program_in(fenced(f"{code}print({names})\n"), "double") == code


def test_a_line_that_does_more_than_try_stays() -> None:
    code = "def double(n):\n    return n * TWO\n\nTWO = 2; print(double(1))\n"
    assert program_in(fenced(code), "double") == code


def test_a_line_separator_in_a_text_does_not_shift_what_is_dropped() -> None:
    code = f"SEPARATOR = '\u2028'\n{RIGHT}print(1)\nLIMIT = 3\n"
    assert program_in(fenced(code), "double") == f"SEPARATOR = '\u2028'\n{RIGHT}LIMIT = 3\n"


@pytest.mark.parametrize("layout", ["{}", "# as you wrote it\n{}", "\n\n{}\n\n"])
def test_the_known_program_repeated_first_is_passed_over(layout: str) -> None:
    answer = f"You wrote:\n{fenced(layout.format(WRONG))}Better:\n{fenced(RIGHT)}"
    assert program_in(answer, "double", known=WRONG) == RIGHT


def test_the_known_program_alone_is_the_answer() -> None:
    assert program_in(fenced(WRONG), "double", known=WRONG) == WRONG


def test_of_several_programs_python_blocks_come_first() -> None:
    assert program_in(fenced(WRONG, "") + fenced(RIGHT), "double") == RIGHT


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "the answer is empty"),
        (" \n\n", "the answer is empty"),
        ("I would multiply by two.", "no program"),
        (fenced("class Solution:\n    def double(self, n):\n        return n * 2\n"), "top-level function `double`"),
        ("class Solution:\n    def double(self, n):\n        return n * 2\n", "top-level function `double`"),
        (fenced("def twice(n):\n    return n * 2\n"), "top-level function `double`"),
        (fenced("def double_all(n):\n    return n * 2\n"), "top-level function `double`"),
        (fenced("async def double(n):\n    return n * 2\n"), "top-level function `double`"),
        (fenced("function double(n) { return n * 2; }\n", "javascript"), "not Python (the block says javascript)"),
        (fenced("x = 1\n\n\ndef double(n):\n    return n *\n"), "does not parse: invalid syntax in line 5"),
        ("def double(n):\n    return n *\n", "does not parse: invalid syntax in line 2"),
        ("```python\ndef double(n):\n    return (n *", "does not parse: '(' was never closed in line 2"),
        (fenced("def double(n):\n    return '\0'\n"), "does not parse"),
    ],
)
def test_what_is_wrong_is_said_in_words_for_the_model(answer: str, says: str) -> None:
    assert says in complaint(answer)


def test_an_escape_that_python_warns_of_is_no_matter_of_ours() -> None:
    code = "def double(n):\n    return len('\\d') * n\n"
    assert program_in(fenced(code), "double") == code
    assert "does not parse" in complaint(fenced("def double(n):\n    return '\\d' *\n"))


# --- shapes ----------------------------------------------------------------------------------------------------------


def test_layout_and_comments_do_not_change_a_shape() -> None:
    assert shape(RIGHT) == shape("# twice\ndef double( n ):\n\n    return (n*2)  # so\n") != shape(WRONG)


def test_a_program_with_hundreds_of_branches_has_a_shape() -> None:
    branches = "".join(f"    elif n == {number}:\n        return {number * 2}\n" for number in range(1, 400))
    code = f"def double(n):\n    if n == 0:\n        return 0\n{branches}"
    assert shape(code) == shape(f"\n{code}\n") != shape(code.replace("798", "799"))
    assert program_in(fenced(code), "double", known=WRONG) == code


def test_what_does_not_parse_is_its_own_shape() -> None:
    assert shape("def (") == shape("\ndef (\n") != shape("def )")


# --- notes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (fenced(RIGHT) + "It forgot\nto double.", "It forgot to double."),
        (f"Fixed.\n{fenced(RIGHT)}It forgot to double.", "Fixed. It forgot to double."),
        (f"### Explanation:\nIt forgot.\n{fenced(RIGHT)}", "It forgot."),
        (fenced(RIGHT), ""),
        (f"It forgot.\n```python\n{RIGHT}", "It forgot."),
        (fenced(RIGHT, fence="~~~") + "So.", "So."),
        (fenced(RIGHT) + "2 of 3 tests pass, for example:\n```\ndouble(1)\n```\nExpected: 2\nObserved: 2", ""),
        (fenced(RIGHT) + "It forgot.\n\n**1 of 1 test fails**, for example:\nExpected: 2\nObserved: 3", "It forgot."),
        (fenced(RIGHT) + "It forgot: 2 of 3 tests pass zero.", "It forgot: 2 of 3 tests pass zero."),
    ],
)
def test_a_note_is_what_stands_beside_the_program(answer: str, note: str) -> None:
    assert note_in(answer) == note


def test_a_long_note_ends_with_a_whole_sentence() -> None:
    assert note_in("It forgot to double. " * 100) == ("It forgot to double. " * 28).strip()


# --- any text --------------------------------------------------------------------------------------------------------

PIECES = (
    "```", "```python", "~~~", "````", "`", "def double(n):", "    return n", "return", "class A:", "WHY:", "**LINE:**",
    "VALUE: 3", "assert double(1) == 2", "print(1)", "import x", "(", ")", '"""', "'", "\\", "\t", "\0", "\x0c",
    "\u2028", "\ud800", "SIGNATURE: double(n)", "STATEMENT: one two three four five six seven eight", "EXAMPLES:",
    "- a", "1. b",
    "if __name__ == '__main__':", "{", "}", ":", "#", "é", "字", "{% raw %}", "{{ x }}", "<tool_call>", "x = 1; y()",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(PIECES), max_size=30).map("\n".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
)
READERS = {
    "program": lambda text: program_in(text, "double", WRONG),
    "cases": lambda text: cases_in(text, "double", "s"),
    "value": value_in,
    "problem": lambda text: problem_in(text, SOURCE, (), {}),
    "restated": lambda text: restated_in(text, PROBLEM),
    "signature": signature_in,
    "concepts": lambda text: concepts_in(text, ("a",)),
    "sections": lambda text: sections_of(text, NAMES),
    "blocks": blocks_of,
    "note": note_in,
    "prose": lambda text: prose(text, 300),
    "shape": shape,
    "fault": fault_named,
}


@pytest.mark.parametrize("reader", READERS)
@given(text=TEXTS)
@settings(max_examples=60, deadline=None)
@example(text="```" + "a" * 300 + "`")
@example(text="def double(n=" + "-" * 900 + "1): ...")
@example(text="double(n=" + "+".join("1" * 900) + ")")
def test_any_text_is_read_or_malformed(reader: str, text: str) -> None:
    said = "read"
    try:
        READERS[reader](text)
    except Malformed as wrong:
        said = str(wrong)
    assert 0 < len(said) < 1_000


HOSTILE = {
    "a fence with an endless name": "```" + "a" * MAX_ANSWER + "`",
    "a fence with endless spaces": "```" + " " * MAX_ANSWER + "`",
    "backticks": "`" * MAX_ANSWER,
    "fences": "```\n" * (MAX_ANSWER // 4),
    "named fences": "```py\n" * (MAX_ANSWER // 6),
    "spaces": " " * MAX_ANSWER,
    "lines": "\n" * MAX_ANSWER,
    "stars": "*" * MAX_ANSWER,
    "headings": "WHY:\n" * (MAX_ANSWER // 5),
    "almost headings": ("           a" + " " * 30 + "7\n") * (MAX_ANSWER // 43),
    "imports": "import x\n" * (MAX_ANSWER // 9) + RIGHT,
    "definitions that do not parse": "def double(\n" * (MAX_ANSWER // 12),
    "definitions without a body": "def double(n):\n" * (MAX_ANSWER // 15),
    "tries": RIGHT + "x = double(x)\nprint(x)\n" * (MAX_ANSWER // 22),
    "a definition and prose": RIGHT + "this is prose\n" * (MAX_ANSWER // 14),
    "prose between definitions": "def a(): 1\nand then we\n" * (MAX_ANSWER // 24) + RIGHT,
    "brackets": RIGHT + "(" * MAX_ANSWER,
    "an endless number": "double(n=" + "9" * MAX_ANSWER + ")",
    "an endless sum": RIGHT + "x = " + "1+" * (MAX_ANSWER // 2) + "1",
    "quotes": '"""' * (MAX_ANSWER // 3),
    "bullets": "- " * (MAX_ANSWER // 2),
    "numbers of lists": "1. a\n" * (MAX_ANSWER // 5),
    "more than is read": "x" * (MAX_ANSWER * 5),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_comes_to_an_end(text: str) -> None:
    """Each of these took minutes with a reader that was quadratic in its text; none of the readers is."""
    ended = []
    for name, reader in READERS.items():
        with suppress(Malformed):
            reader(text)
        ended.append(name)
    assert ended == list(READERS)


def test_looking_for_a_program_parses_a_bounded_text(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = 0
    parse = ast.parse

    def counted(code: str) -> ast.Module:
        nonlocal parsed
        parsed += len(code)
        return parse(code)

    monkeypatch.setattr(ast, "parse", counted)
    for name in ("imports", "definitions that do not parse", "prose between definitions", "a definition and prose"):
        parsed = 0
        with suppress(Malformed):
            program_in(HOSTILE[name], "double")
        assert parsed < 10 * MAX_ANSWER, name


@given(text=st.text(alphabet=string.ascii_letters + string.digits + string.punctuation + " \n", max_size=200))
@settings(max_examples=60, deadline=None)
def test_a_named_fault_is_always_of_the_vocabulary(text: str) -> None:
    assert fault_named(text) in FAULTS


# --- there and back --------------------------------------------------------------------------------------------------

IDENTIFIERS = st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=6).map("v_{}".format)
LITERALS = st.one_of(st.integers(), st.text(max_size=8), st.none(), st.booleans(), st.lists(st.integers(), max_size=3))


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A program that defines `entry`, with imports, constants, helpers, branches, loops and texts of any characters."""
    lines: list[str] = []
    if draw(st.booleans()):
        lines += ["import math", "", ""]
    for name in draw(st.lists(IDENTIFIERS, max_size=2, unique=True)):
        lines += [f"{name.upper()} = {draw(LITERALS)!r}", ""]
    for name in draw(st.lists(IDENTIFIERS, max_size=2, unique=True)):
        lines += [f"def {name}(a):", f"    return a, {draw(LITERALS)!r}", "", ""]
    lines += [f"def entry(x, y={draw(LITERALS)!r}):", f"    # {draw(st.sampled_from(['why', 'é', '``` not a fence']))}"]
    for _ in range(draw(st.integers(0, 3))):
        lines += draw(
            st.sampled_from([["    if x:", "        return y"], ["    for each in y:", "        x += each"], ["", ""]])
        )
    lines += [f"    return x, {draw(LITERALS)!r}"]
    return "\n".join(lines) + "\n"


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, str]:
    code = draw(programs())
    before = draw(st.sampled_from(["", "Here is the program:\n\n", "Sure!\n", "# Answer\n"]))
    after = draw(st.sampled_from(["", "\nIt works: it's simple.", "\n\nExplanation: see above.\n"]))
    fence = draw(st.sampled_from(["```", "````", "~~~"]))
    language = draw(st.sampled_from(["python", "", "Python", "py", "python3"]))
    return code, f"{before}{fence}{language}\n{code}{fence}\n{after}"


@given(answers())
@settings(max_examples=150, deadline=None)
def test_a_program_comes_out_of_its_answer_as_it_went_in(pair: tuple[str, str]) -> None:
    code, answer = pair
    assert program_in(answer, "entry") == code


@given(programs(), st.sampled_from(["", "Here is the program:\n\n", "Let's see.\nIt is:\n"]))
@settings(max_examples=100, deadline=None)
def test_a_program_is_read_without_its_fence(code: str, before: str) -> None:
    assert shape(program_in(f"{before}{code}\nThis is it, isn't it?\n", "entry")) == shape(code.replace("```", ""))


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("off_by_one", "off_by_one"),
        ("Off-by-one error", "off_by_one"),
        ("`missing_case`.", "missing_case"),
        ("MISSING CASE", "missing_case"),
        ("wrong_conditon", "wrong_condition"),
        ("off_by_one or wrong_condition", "off_by_one"),
        ("wrong_initial_value (the counter)", "wrong_initial_value"),
        (", ".join(FAULTS), "unknown_logic"),
        ("a misunderstanding", "unknown_logic"),
        ("", "unknown_logic"),
    ],
)
def test_a_fault_is_named_from_the_vocabulary(text: str, fault: str) -> None:
    assert fault_named(text) == fault


# --- what a proposer's sections say ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "total(items: list[int]) -> int",
        "`total(items: list[int]) -> int`",
        "**total(items: list[int]) -> int**",
        "def total(items: list[int]) -> int:",
        "def total(items: list[int]) -> int: ...",
        "`def total(items: list[int]) -> int:`",
        "```python\ndef total(items: list[int]) -> int:\n```",
        "The signature is\ntotal(items: list[int]) -> int",
    ],
)
def test_a_signature_is_read_in_every_form(line: str) -> None:
    assert signature_in(line) == ("total", "total(items: list[int]) -> int")


@pytest.mark.parametrize(
    "line",
    ["", "total", "total()", "total(*items)", "total(**items)", "class A(B)", "f(x", "x(1)", "lambda(x)", "f(x); g(y)"],
)
def test_what_is_no_plain_function_is_refused(line: str) -> None:
    with pytest.raises(Malformed):
        signature_in(line)


def test_concepts_in_any_list_and_any_script_are_read_once() -> None:
    text = (
        "Here:\n- **Reversal of texts**: turning them round\n2. text reversal\n* 'Prime numbers' — sieves and so on\n"
        "- 字符串反转\n- 列表去重：保留顺序\n- sets (of numbers)\nnot a concept"
    )
    found = concepts_in(text, ("Set",))
    assert found == ("Reversal of texts", "text reversal", "Prime numbers", "字符串反转", "列表去重")
    assert concepts_in("- texts, reversal of\n- New", found) == ("New",)
