"""The command line: what people type, and the exit codes they get."""

from __future__ import annotations

import signal
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from mendloop import __version__
from mendloop.commands.console import clean
from mendloop.errors import EXIT_INTERRUPTED, EXIT_STOPPED, MendloopError

app = typer.Typer(
    name="mendloop",
    help="Synthesise verified, multi-turn repair data for code models, and inspect every step of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(__version__)  # noqa: T201
        raise typer.Exit


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[  # eager: it ends before a command is asked for
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    _Mode.debug = debug


class _Mode:
    debug = False


def _register() -> None:
    from mendloop.commands import checking, executing, models, reading, reporting, running, shipped, taking

    app.command("run")(running.run)
    app.command("resume")(running.resume)
    app.command("preview")(running.preview)
    app.command("check")(checking.check)
    app.command("doctor")(checking.doctor)
    app.command("runs")(reading.runs)
    app.command("sessions")(reading.sessions)
    app.command("show")(reading.show_session)
    app.command("tail")(reading.tail)
    app.command("compare")(reporting.compare)
    app.command("report")(reporting.report)
    app.command("export")(taking.export)
    app.command("verify")(taking.verify)
    app.command("replay")(taking.replay)
    app.command("redact")(taking.redact)
    app.command("scenarios")(shipped.scenarios)
    app.command("new")(shipped.new)
    app.command("exec")(executing.execute)
    app.add_typer(models.app, name="models")


_register()


def main() -> None:
    """Run the command line. Whatever goes wrong becomes one line and the documented exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except MendloopError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", EXIT_INTERRUPTED)
    except Exception as error:
        told = str(error).partition("\n")[0]
        _fail(
            f"{type(error).__name__}{': ' if told else ''}{told} (a fault in mendloop; "
            "run `mendloop --debug ...` again to see where)",
            EXIT_STOPPED,
        )


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(line: str, code: int) -> NoReturn:
    """End with one line and an exit code, and with the traceback where it was asked for."""
    if _Mode.debug:
        traceback.print_exc()
    print(f"mendloop: {clean(line)}", file=sys.stderr)  # noqa: T201
    raise SystemExit(code) from None


if __name__ == "__main__":
    main()
