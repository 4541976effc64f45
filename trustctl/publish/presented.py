"""Which key and certificate Exim presents: asked of Exim itself, and put in force."""

from __future__ import annotations

import os
import re
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.publish import configuration, own
from trustctl.publish.home import CERTIFICATE, CLIENT, KEY, STAPLE, Home
from trustctl.publish.mta import binary, reload
from trustctl.publish.programs import attempt, run

_LIVE = Path("/etc/exim4")


def demand_exim(home: Home) -> None:
    """Refuse to go on where Exim could not be asked afterwards, or would offer no TLS any more.

    Raises:
        NotEnforcedError: there is none, it refuses its own configuration as it is, or it staples a
            file that would be about another certificate.
    """
    exim = binary()
    if exim is None:
        raise NotEnforcedError("there is no Exim on this machine to ask", "apt install exim4")
    run(exim, "-bV")
    staple = _told(exim, "tls_ocsp_file")
    ours = home.directory / STAPLE
    if staple and staple != str(ours) and os.path.exists(staple):
        raise NotEnforcedError(
            f"Exim staples {staple}: with a new certificate it would offer no TLS any more",
            f"set tls_ocsp_file = ${{if exists{{{ours}}}{{{ours}}}}}, which comes with the pair",
        )


def _told(exim: str, option: str) -> str:
    """What an option of Exim's main section comes to for an ordinary client."""
    value = run(exim, "-bP", option).partition(" =")[2].strip()
    return run(exim, "-be", value).strip() if "$" in value else value


def put_in_force(
    home: Home, host: str, before: str | None, *, server: bool, client: bool
) -> list[str]:
    """Ask Exim whether it presents what is placed, and let it read that.

    Args:
        before: what :func:`~trustctl.publish.own.place` returned; it comes back where this fails.
        server, client: what the certificate is for.

    Returns:
        Remarks of our own words.

    Raises:
        UnusedError: Exim is told to use something else; the new pair stays in its place.
        NotEnforcedError: it cannot be reloaded; its key is kept for the next try.
    """
    exim = str(binary())
    try:
        run(exim, "-bV")
        if server:
            _demand_served(exim, home)
        lines = _client_lines(exim, home) if client else ()
        if lines and not server:
            raise UnusedError("Exim presents nothing when it sends", *_hint(), *lines)
        remarks = reload(exim)
    except UnusedError:
        own.prune(home)
        raise
    except NotEnforcedError as error:
        own.undo(home, host, before)
        raise NotEnforcedError(
            f"{error.message}; Exim's key and certificate are as they were",
            error.hint,
            details=(*error.details, "the certificate was issued; its key is used the next time"),
        ) from error
    own.prune(home)
    if lines:
        own_transports = str(home.current / CLIENT) in run(exim, "-bP", "transports")
        where = ", but to protected domains" if own_transports else ""
        remarks.append(f"note: Exim does not present it when it sends{where}; for that, set")
        remarks += [f"      {one}" for one in lines]
    return remarks


def _demand_served(exim: str, home: Home) -> None:
    certificate, key = _told(exim, "tls_certificate"), _told(exim, "tls_privatekey")
    if not certificate:
        why = "Exim is told of no certificate (MAIN_TLS_ENABLE is not set)"
        raise UnusedError(why, *_server_lines(home, named=home.directory != _LIVE))
    # without a key of its own Exim looks for it in the certificate's file
    for name, value in ((CERTIFICATE, certificate), (KEY, key or certificate)):
        if not _same(value, home.directory / name):
            without = () if key else ("# and without MAIN_TLS_CERTKEY",)
            lines = _server_lines(home, named=True)
            raise UnusedError(f"Exim is told to read {value}", *lines, *without)
    if not _told(exim, "tls_advertise_hosts"):
        raise UnusedError(
            "Exim offers TLS to nobody: tls_advertise_hosts is empty",
            "take MAIN_TLS_ADVERTISE_HOSTS out of Exim's configuration, and reload it",
        )


def _client_lines(exim: str, home: Home) -> tuple[str, ...]:
    """What is to be set so that Exim presents the pair when it sends; nothing where it does."""
    told = run(exim, "-bP", "transports")
    values = dict.fromkeys(re.findall(r"^tls_certificate = (\S+)$", told, re.MULTILINE))
    if any(_same(one, home.directory / CERTIFICATE) for one in values):
        return ()
    return (
        f"REMOTE_SMTP_TLS_CERTIFICATE = {home.directory / CERTIFICATE}",
        f"REMOTE_SMTP_PRIVATEKEY = {home.directory / KEY}",
    )


class UnusedError(NotEnforcedError):
    """The pair is placed, and Exim is told to use another one, or none."""

    def __init__(self, why: str, hint: str, *details: str) -> None:
        super().__init__(
            f"the key and the certificate are placed, but NOT IN FORCE: {why}",
            hint,
            details=details,
        )


def _same(value: str, path: Path) -> bool:
    try:
        return os.path.samefile(value, path)
    except OSError:
        return False


def _server_lines(home: Home, *, named: bool) -> tuple[str, *tuple[str, ...]]:
    """A hint, and the lines that it speaks of. ``named``: with the files' names."""
    certificate, key = (home.directory / one for one in (CERTIFICATE, KEY))
    if _macros() is None:
        return *_hint(), f"tls_certificate = {certificate}", f"tls_privatekey = {key}"
    names = (f"MAIN_TLS_CERTIFICATE = {certificate}", f"MAIN_TLS_PRIVATEKEY = {key}")
    return *_hint(), "MAIN_TLS_ENABLE = yes", *(names if named else ())


def _hint() -> tuple[str]:
    where = _macros()
    if where is None:
        return ("put this before the first 'begin' of Exim's configuration, and reload it",)
    return (f"put this into {where}, then: update-exim4.conf && systemctl reload exim4",)


def _macros() -> Path | None:
    """Where macros go (README.Debian of exim4-base); None where nothing is generated."""
    match configuration.site(_LIVE).layout:
        case "split":
            return _LIVE / "conf.d/main/000_localmacros"
        case "unsplit":
            return _LIVE / "exim4.conf.localmacros"
        case _:
            return None


def withdraw(home: Home) -> list[str]:
    """Take our pair out, and let Exim read what it had.

    Returns:
        What was left because somebody put it there by hand.

    Raises:
        NotEnforcedError: it is out, and Exim cannot be told.
    """
    exim = binary()
    used = exim is not None and _uses(exim, home)
    left = own.remove(home)
    if exim is not None and used:
        reload(exim)
    return left


def _uses(exim: str, home: Home) -> bool:
    status, told, _complaints = attempt(exim, "-bP", "tls_certificate")
    value = told.partition(" =")[2].strip()
    return status == 0 and _same(value, home.directory / CERTIFICATE)
