"""The command line: what people type, and the exit codes they get."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mendloop import __version__
from mendloop.errors import EXIT_INTERRUPTED, MendloopError

app = typer.Typer(
    name="mendloop",
    help="Synthesise verified, multi-turn repair data for code models, and inspect every step of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    _Mode.debug = debug
    if version:
        print(__version__)  # noqa: T201
        raise typer.Exit


class _Mode:
    debug = False


def _register() -> None:
    from mendloop.commands import checking, reading, running, taking

    app.command("run")(running.run)
    app.command("resume")(running.resume)
    app.command("preview")(running.preview)
    app.command("check")(checking.check)
    app.command("doctor")(checking.doctor)
    app.command("runs")(reading.runs)
    app.command("sessions")(reading.sessions)
    app.command("show")(reading.show_session)
    app.command("tail")(reading.tail)
    app.command("compare")(reading.compare)
    app.command("report")(reading.report)
    app.command("export")(taking.export)
    app.command("verify")(taking.verify)
    app.command("replay")(taking.replay)
    app.command("redact")(taking.redact)
    app.command("scenarios")(checking.scenarios)
    app.command("new")(checking.new)
    app.command("exec")(checking.execute)


_register()


def main() -> None:
    """Run the command line. Errors that a person can act on become one line and the documented exit code."""
    try:
        app()
    except MendloopError as error:
        if _Mode.debug:
            raise
        print(f"mendloop: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None


if __name__ == "__main__":
    main()
