"""What screening did to a source, as counts and places. No text that was found stands in it."""

from __future__ import annotations

from typing import Literal

from mendloop.frozen import Frozen

Done = Literal["dropped", "masked", "kept"]
MOST_PLACES = 1_000
SHOWN = 2


class Found(Frozen):
    """One finding: what was found, where, and what was done. `line` is 1-based; a function's is that of its `def`."""

    what: str
    file: str
    line: int
    done: Done


class Screened(Frozen):
    """Counts by what was found: of items for `dropped`, of findings for `masked` and `kept`.

    `places` are the first 1,000. `own` says that no licence was found and the source is taken as the user's own,
    `let_through` names what the scenario keeps as it is.
    """

    dropped: dict[str, int] = {}
    masked: dict[str, int] = {}
    kept: dict[str, int] = {}
    places: tuple[Found, ...] = ()
    own: bool = False
    let_through: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """What a person is told; nothing where nothing was found and nothing is let through."""
        let_through = (
            (f"{' and '.join(self.let_through)} let through, as the scenario says",) if self.let_through else ()
        )
        own = ("no licence found: taken as your own",) if self.own else ()
        return (*self._counted("dropped"), *self._counted("masked"), *let_through, *self._counted("kept"), *own)

    def _counted(self, done: Done) -> tuple[str, ...]:
        counts: dict[str, int] = getattr(self, done)
        if not counts:
            return ()
        named = ", ".join(f"{number:,} {what}" for what, number in sorted(counts.items(), key=lambda each: -each[1]))
        places = list(dict.fromkeys(f"{each.file}:{each.line}" for each in self.places if each.done == done))
        shown = f" ({', '.join(places[:SHOWN])}{', ...' if len(places) > SHOWN else ''})" if places else ""
        return (f"{done}: {named}{shown}",)
