"""The root command and the one error boundary: no traceback ever reaches a user."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from typing import NoReturn

import click

from trustctl import __version__
from trustctl.errors import TrustctlError

_COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("add", "add"),
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
    "db": ("db", "db"),
}
_INTERNAL = 70
_INTERRUPTED = 130


class _Commands(click.Group):
    """Imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name]
        loaded = importlib.import_module(f"trustctl.commands.{module}")
        command: click.Command = getattr(loaded, attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=1)
            hint = f"did you mean: trustctl {near[0]}" if near else "trustctl --help"
            raise _UnknownCommandError(args[0], hint)
        return super().resolve_command(ctx, args)


class _UnknownCommandError(TrustctlError):
    exit_code = 2

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"there is no command {name}", hint)


@click.group(
    cls=_Commands,
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
    """Run the command line and exit; every error becomes one or two lines and an exit code."""
    # start-up makes no garbage worth a collection: 10-20 % of its time
    gc.disable()
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        code = _silence_stdout(0)
    except OSError as error:
        code = _silence_stdout(7)
        _say("error", f"cannot write the output: {(error.strerror or str(error)).lower()}")
    # nor does its end: spare the interpreter a last look at every object (40 ms)
    gc.freeze()
    sys.exit(code)


def _run() -> int:
    try:
        root.main(standalone_mode=False, prog_name="trustctl")
    except TrustctlError as error:
        return _report(error)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt, EOFError):
        _say("error", "interrupted; nothing was changed")
        return _INTERRUPTED
    except click.ClickException as error:
        _say("error", error.format_message().rstrip("."))
        ctx = getattr(error, "ctx", None)
        _say("hint", f"{ctx.command_path if ctx else 'trustctl'} --help")
        return 2
    except OSError as error:
        # while answering: stdout is full or gone; main() tells
        if error.filename is None:
            raise
        _say("error", f"{error.filename}: {(error.strerror or str(error)).lower()}")
        return 7
    except MemoryError:
        _say("error", "out of memory")
        return _INTERNAL
    except Exception as error:  # the boundary: whatever it is, no traceback reaches a user
        if os.environ.get("TRUSTCTL_DEBUG"):
            raise
        _say("error", f"internal error: {type(error).__name__}: {error}")
        _say("hint", "this is a bug: TRUSTCTL_DEBUG=1 shows where; please report it")
        return _INTERNAL
    return 0


def _report(error: TrustctlError) -> int:
    _say("error", error.message)
    if error.hint:
        _say("hint", error.hint)
    return error.exit_code


def _say(kind: str, text: str) -> None:
    from trustctl.facts.text import printable

    prefix = "trustctl: error: " if kind == "error" else "hint: "
    lines = [printable(line) for line in text.splitlines() or [""]]
    try:
        sys.stderr.write(prefix + "\n".join(lines) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody listens; the exit code tells


def _silence_stdout(code: int) -> int:
    # the interpreter flushes stdout again at its end: give it a place where that works
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
