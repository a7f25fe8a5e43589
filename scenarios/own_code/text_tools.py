"""A stand-in for your own code: pure functions whose docstrings say what is promised."""


def squeeze(text: str) -> str:
    """Return the text with every run of white space made one space, and none at the ends.

    >>> squeeze("  a   b ")
    'a b'
    """
    return " ".join(text.split())


def initials(name: str) -> str:
    """Return the first letter of every word in capitals, each followed by a dot.

    >>> initials("ada lovelace")
    'A.L.'
    """
    letters = []
    for word in name.split():
        letters.append(word[0].upper() + ".")
    return "".join(letters)


def run_lengths(text: str) -> list[tuple[str, int]]:
    """Return each run of equal characters with its length, in order.

    >>> run_lengths("aab")
    [('a', 2), ('b', 1)]
    """
    runs: list[tuple[str, int]] = []
    for char in text:
        if runs and runs[-1][0] == char:
            runs[-1] = (char, runs[-1][1] + 1)
        else:
            runs.append((char, 1))
    return runs


def wrap(words: list[str], width: int) -> list[str]:
    """Return lines of words joined by spaces, each as long as fits in `width`; a longer word has its own line.

    >>> wrap(["to", "be", "or"], 5)
    ['to be', 'or']
    """
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] = lines[-1] + " " + word
        else:
            lines.append(word)
    return lines
