"""The root command and the one error boundary: no traceback ever reaches a user."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, TextIO

import click

from trustctl import __version__
from trustctl.commands.lazy import LazyGroup
from trustctl.errors import TrustctlError

_COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("add", "add"),
    "fetch": ("fetch", "fetch"),
    "adopt": ("adopt", "adopt"),
    "announce": ("announce", "announce"),
    "vouch": ("vouch", "vouch"),
    "withdraw": ("vouch", "withdraw"),
    "distrust": ("distrust", "distrust"),
    "retire": ("retire", "retire"),
    "unprotect": ("domain", "unprotect"),
    "check": ("check", "check"),
    "list": ("peer", "list_"),
    "show": ("peer", "show"),
    "journal": ("journal", "journal"),
    "set": ("setting", "set_"),
    "import": ("transfer", "import_"),
    "dump": ("transfer", "dump"),
    "export": ("export", "export"),
    "generations": ("generation", "generations"),
    "rollback": ("generation", "rollback"),
    "uninstall": ("generation", "uninstall"),
    "audit": ("audit", "audit"),
    "probe": ("probe", "probe"),
    "prove": ("prove", "prove"),
    "history": ("history", "history"),
    "foresee": ("foresee", "foresee"),
    "db": ("db", "db"),
    "share-card": ("card", "share_card"),
    "ca": ("ca", "ca"),
}
_INTERNAL = 70
_INTERRUPTED = 130
_NOBODY_READ = 141
_COMPLETE = "_TRUSTCTL_COMPLETE"


@click.group(
    cls=LazyGroup,
    table=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Exit codes: 0 done; 1 the answer is no, or findings; 2 usage; 3 fingerprint mismatch; "
    "4 unusable input; 5 conflict with the inventory; 6 unusable database; 7 unusable target; "
    "8 written, but not in force; 9 not confirmed. Manual: share/doc/.",
)
@click.version_option(__version__, prog_name="trustctl", message="%(prog)s %(version)s")
@click.option(
    "--db",
    envvar="TRUSTCTL_DB",
    metavar="FILE|URL",
    help="The inventory. [env: TRUSTCTL_DB; default: /var/lib/trustctl/trustctl.db for root, "
    "$XDG_DATA_HOME/trustctl/trustctl.db otherwise]",
)
@click.pass_context
def root(ctx: click.Context, db: str | None) -> None:
    """Know which certificate belongs to which mail peer and who says so, and
    compile exactly that into what Exim or Postfix verifies against.

    \b
    trustctl add peer.pem --peer foo --domain foo.test --fingerprint AA:BB:...
    trustctl export --to /etc/exim4 --reload
    trustctl audit
    """
    from trustctl.commands.invocation import Invocation

    ctx.obj = Invocation(db)


def main() -> NoReturn:
    """The console script: run the command line of this process, and exit."""
    _prepare_streams()
    if instruction := os.environ.get(_COMPLETE):
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(root, {}, "trustctl", _COMPLETE, instruction))
    code = run(sys.argv[1:])
    # all is written and closed: spare the interpreter a last look at every object (50 ms)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; every error becomes one or two lines on stderr and an exit code."""
    try:
        code = _attempt(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # no answer was taken: neither "yes" nor "no", but what a shell says of a killed writer
        return _silence(sys.stdout, _NOBODY_READ)
    except OSError as error:
        _say("error", f"cannot write the output: {(error.strerror or str(error)).lower()}")
        _say("hint", "look at where the output goes; trustctl journal shows what was changed")
        return _silence(sys.stdout, 7)
    return code


def _attempt(arguments: Sequence[str]) -> int:
    try:
        # not root.main(): it would turn a closed pipe and an interruption into answers of its own
        with root.make_context("trustctl", list(arguments)) as context:
            root.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    except TrustctlError as error:
        return _report(error)
    except (click.Abort, EOFError):
        _say("error", "interrupted; nothing was changed")  # at a prompt: nothing was begun
        return _INTERRUPTED
    except KeyboardInterrupt:
        _say("error", "interrupted")
        _say("hint", "type it again: what was begun is finished, or begun anew")
        return _INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        message = error.format_message().rstrip(".")
        _say("error", message[:1].lower() + message[1:])
        ctx = getattr(error, "ctx", None)
        _say("hint", f"{ctx.command_path if ctx else 'trustctl'} --help")
        return 2
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOENT:
            raise  # while answering: stdout is full or gone; run() tells
        if error.filename is None:
            _say("error", "the current folder is no longer there")
            _say("hint", "cd to another folder")
            return 7
        _say("error", f"{error.filename}: {(error.strerror or str(error)).lower()}")
        _say("hint", "look at its owner and mode, and at the disk, then type it again")
        return 7
    except MemoryError:
        _say("error", "out of memory")
        _say("hint", "make memory free, or raise the limit (ulimit -v), then type it again")
        return _INTERNAL
    except Exception as error:  # the boundary: whatever it is, no traceback reaches a user
        if os.environ.get("TRUSTCTL_DEBUG"):
            raise
        _say("error", f"internal error: {type(error).__name__}: {error}")
        _say("hint", "this is a bug: TRUSTCTL_DEBUG=1 shows where; please report it")
        return _INTERNAL
    return 0


def _report(error: TrustctlError) -> int:
    _say("error", error.message, error.details)
    if error.hint:
        _say("hint", error.hint)
    return error.exit_code


def _say(kind: str, text: str, details: Sequence[str] = ()) -> None:
    from trustctl.facts.text import printable

    prefix = "trustctl: error: " if kind == "error" else "hint: "
    lines = [prefix + printable(text), *(f"  {printable(one)}".rstrip() for one in details)]
    try:
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _silence(sys.stderr, 0)  # nobody listens; the exit code tells


def _prepare_streams() -> None:
    """Make the three standard streams usable, whatever this process was started with."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # else the next file opened, the inventory perhaps, would be taken for the stream;
            # a closed stdout is opened for reading: writing to it stays an error
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    codecs.register_error("trustctl", _spell_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="trustctl")


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    """What the locale's encoding lacks is shown as an escape, our own ellipsis as one column."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].replace("\N{HORIZONTAL ELLIPSIS}", "~")
    return lacking.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _silence(stream: TextIO, code: int) -> int:
    # the interpreter flushes it again at its end: give it a place where that works
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code
