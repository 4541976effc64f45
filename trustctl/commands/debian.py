"""What an export, a rollback, an uninstall and an audit have to do with a Debian's own store."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from trustctl.commands.invocation import confirm, typed
from trustctl.errors import InputError, TargetError

if TYPE_CHECKING:
    from pathlib import Path

    from trustctl.facts.target import SystemStore
    from trustctl.intake.stores import Held
    from trustctl.publish.place import Place
    from trustctl.publish.system_store import System

NAME = "debian"
DIRECTORY = "/usr/local/share/ca-certificates"
_SHOWN = 10


def refuse(place: Place) -> None:
    """Refuse a folder that is not the one that the system's store is made of.

    Raises:
        TargetError: it is another, or there is no such store on this machine.
    """
    if place.format == NAME:
        from trustctl.publish.system_store import refuse_unusable

        refuse_unusable(place.directory)


def _system(place: Place) -> System:
    from trustctl.publish.system_store import System

    return System(place.root)


def in_force(place: Place) -> bool:
    """Whether the generation in force is to be alone in the store."""
    with suppress(OSError):
        return _system(place).only_peers
    return False


def ask(place: Place, *, only_peers: bool, yes: bool) -> None:
    """Let a person agree before the public CAs go: more than the mail verifies by this store.

    Raises:
        ConfirmationError: nobody did.
    """
    if place.format != NAME or not only_peers or in_force(place):
        return
    from trustctl import render

    for one in changes(place, only_peers=True):
        render.note(one)
    render.note("what verifies by the system's store (apt, curl, ...) will trust the peers alone")
    confirm(
        "Leave nobody but the peers in the system's store?",
        yes=yes,
        without_terminal=typed(
            "export", "--to", DIRECTORY, "--format", NAME, "--only-peers", "--yes"
        ),
    )


def changes(place: Place, *, only_peers: bool) -> list[str]:
    """What would become of what is not ours."""
    from trustctl.publish import ca_certificates, kept, system_store

    found = _system(place)
    state = kept.read(place.root)
    if not only_peers:
        if state.selected is None:
            return []
        return [f"{len(state.selected)} public CAs would be selected again"] + [
            f"{one} would be back" for one in state.aside
        ]
    said = []
    names = system_store.selected()
    if names:
        said.append(f"{len(names)} public CAs would be deselected in {ca_certificates.CONF}")
    said += [
        f"{one} would be set aside: it is none of trustctl's"
        for one, _linked in ca_certificates.local_files()
        if found.root not in one.parents
    ]
    answer = ca_certificates.trusts_new()
    if answer is not None and answer[0] != "no":
        said.append(f"{ca_certificates.QUESTION} would be 'no' instead of '{answer[0]}'")
    return said


def preview(place: Place, *, only_peers: bool, diff: bool) -> None:
    """What a dry run says beside what becomes of the peers."""
    if place.format != NAME:
        return
    from trustctl import render
    from trustctl.publish import kept, system_store

    for one in changes(place, only_peers=only_peers):
        render.line(f"  {one}")
    if diff and only_peers:
        for one in system_store.selected():
            render.line(f"- {one}")
    elif diff:
        for one in kept.read(place.root).selected or ():
            render.line(f"+ {one}")
    if place.current_number() is not None and only_peers == in_force(place):
        for one in _differences(_system(place))[0][:_SHOWN]:
            render.line(f"  would be mended: {one}")


def configure(place: Place) -> None:
    """Let the system's store hold what was exported, and read it back.

    Raises:
        NotEnforcedError: it holds something else.
    """
    if place.format != NAME:
        return
    from trustctl import render
    from trustctl.facts import nobody
    from trustctl.publish import system_store

    found = _system(place)
    notices: list[str] = []

    def look() -> list[str]:
        wrong, notices[:] = _differences(found)
        return wrong

    remarks = system_store.apply(found, look)
    for one in (remarks or ())[:_SHOWN]:
        render.line(one)
    for one in [*notices, *_upgrades(found)][:_SHOWN]:
        render.note(f"warning: {one}")
    if remarks is not None:
        count = len(_wanted(found).keys() - {nobody.FINGERPRINT})
        alone = "and nobody else" if found.only_peers else "beside the selected public CAs"
        what = f"our {count}, {alone}" if count else f"none of ours, {alone}"
        render.line(f"the system's store was read back: it holds {what}")


def withdraw(place: Place) -> None:
    """Give the system's store back as it was.

    Raises:
        NotEnforcedError: a program failed.
    """
    if place.format != NAME:
        return
    from trustctl import render
    from trustctl.publish import system_store

    render.note(*(f"note: {one}" for one in system_store.withdraw(_system(place))))


def state(place: Place) -> SystemStore | None:
    """What the system's store holds, for an audit; None where the target is none."""
    if place.format != NAME or place.current_number() is None:
        return None
    from trustctl.facts.target import SystemStore
    from trustctl.publish import kept

    try:
        wrong, notices = _differences(_system(place))
        notices += _upgrades(_system(place))
        if os.geteuid() == 0 and kept.read(place.root).untold:
            wrong.append("hooks (Java's store) have not all been told what has gone out of it")
    except (OSError, InputError, TargetError) as error:
        return SystemStore((f"it cannot be read: {error}",))
    return SystemStore(tuple(wrong[:_SHOWN]), tuple(notices[:_SHOWN]))


def _wanted(found: System) -> dict[str, bytes]:
    """Fingerprint -> DER of the certificates of the generation in force."""
    from trustctl.intake.stores import read_store

    held = read_store(str(found.certificates)).held
    return {one.fingerprint: one.der for one in held}


def _differences(found: System) -> tuple[list[str], list[str]]:
    """What the store is not as it was exported, and what is to be known of it beside."""
    from trustctl.intake.stores import read_store
    from trustctl.publish import ca_certificates, system_store

    wanted = _wanted(found)
    wrong = system_store.pending(found)
    notices: list[str] = []
    content = read_store(str(ca_certificates.STORE))
    bundle = {
        one.fingerprint: one
        for one in content.held
        if one.place.file == str(ca_certificates.BUNDLE)
    }
    wrong += [
        f"{one.place}: {one.why}: whoever reads the bundle may take none of it"
        for one in content.unread
        if one.place.file == str(ca_certificates.BUNDLE)
    ]
    hashed = _hashed(wanted)
    for name in wanted.keys() - (bundle.keys() & hashed):
        wrong.append(f"{name[:16]} is exported, and not in the bundle and by its hashed name")
    if found.only_peers:
        _alone(content.held, wanted, wrong, notices)
        return wrong, notices
    allowed = {*wanted, *_made_of(found)}
    wrong += [_too_many(one) for name, one in bundle.items() if name not in allowed]
    return wrong, notices


def _upgrades(found: System) -> list[str]:
    """Whether an upgrade would select somebody, where nobody is to be."""
    from trustctl.publish import ca_certificates

    answer = ca_certificates.trusts_new() if found.only_peers else None
    if answer is None or answer[0] == "no":
        return []
    return [f"an upgrade would select new CAs: debconf says '{answer[0]}'"]


def _hashed(wanted: dict[str, bytes]) -> set[str]:
    """Those that OpenSSL finds by the hashes of their subjects."""
    from trustctl.export.openssl_dir import subject_hash
    from trustctl.intake.stores import read_store
    from trustctl.publish.ca_certificates import STORE

    found: set[str] = set()
    for name in {subject_hash(der) for der in wanted.values()} - {None}:
        number = 0
        while (path := STORE / f"{name}.{number}").exists():
            held = read_store(str(path)).held
            found.update(one.fingerprint for one in held)
            number += 1
    return found


def _alone(
    held: list[Held], wanted: dict[str, bytes], wrong: list[str], notices: list[str]
) -> None:
    """Whoever is in the store and not among the peers: in the bundle, by a link that the tool made,
    or as a file of somebody else's, which is told where it may sign for nobody."""
    from trustctl.facts.certificate import parse_certificate
    from trustctl.publish.ca_certificates import BUNDLE

    told: set[bytes] = set()
    for one in sorted(held, key=lambda one: one.place.file != str(BUNDLE)):
        if one.der in told or one.fingerprint in wanted:
            continue
        told.add(one.der)
        theirs = one.place.file != str(BUNDLE) and not _is_made(one.place.file)
        if theirs and parse_certificate(one.der).is_ca is False:
            notices.append(f"{_too_many(one)}; it may sign for nobody, and is left there")
        else:
            wrong.append(_too_many(one))


def _is_made(file: str) -> bool:
    """Whether it is a link to what the program makes the store of."""
    from trustctl.publish.ca_certificates import LOCAL, SHIPPED

    return os.path.islink(file) and os.readlink(file).startswith((str(LOCAL), str(SHIPPED)))


def _made_of(found: System) -> set[str]:
    """The fingerprints of all else that the program makes the bundle of."""
    from trustctl.intake.stores import read_store
    from trustctl.publish import ca_certificates

    files: list[Path] = [*ca_certificates.shipped_files(), *found.strangers()]
    return {one.fingerprint for file in files for one in read_store(str(file)).held}


def _too_many(one: Held) -> str:
    from trustctl.facts.certificate import parse_certificate
    from trustctl.policy.store import name_of

    return f"{one.place} holds {name_of(parse_certificate(one.der))}"
