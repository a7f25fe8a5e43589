"""The command line with a fault of ours in it: `breaking.py KEY ARGUMENTS...`.

Whenever the critic is asked, an exception quotes the key in its text, in its cause and in a line of its traceback.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from mendloop.agents.prompted.critic import PromptedCritic
from mendloop.cli import main

key = sys.argv[1]


async def broken(*arguments: object, **named: object) -> NoReturn:
    try:
        raise ValueError(f"Authorization: Bearer {key}")
    except ValueError as error:
        raise RuntimeError(f"the critic has a fault; its key is {key}") from error


sys.argv[1:] = sys.argv[2:]
PromptedCritic.diagnose = broken  # type: ignore[method-assign]  # a fault in the place of the real one
main()
