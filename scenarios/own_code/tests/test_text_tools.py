from own_code.text_tools import initials, run_lengths, wrap


def test_every_word_gives_a_letter():
    assert initials("grace  brewster hopper") == "G.B.H."
    assert initials("") == ""


def test_runs_are_counted_one_after_another():
    assert run_lengths("xxyx") == [("x", 2), ("y", 1), ("x", 1)]


def test_a_word_longer_than_the_width_has_its_own_line():
    assert wrap(["a", "mountainous", "b"], 3) == ["a", "mountainous", "b"]
