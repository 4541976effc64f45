"""What an export, a rollback, an uninstall and an audit have to do with a Postfix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustctl.errors import NotEnforcedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.facts.mta import MtaState
    from trustctl.facts.records import PeerTrust
    from trustctl.publish.place import Place
    from trustctl.publish.postfix_site import Site

NAME = "postfix"


def refuse(place: Place) -> None:
    """Refuse a folder that Postfix could not read a table from.

    Raises:
        TargetError: there are letters in its path that mean something to Postfix.
    """
    if place.format == NAME:
        from trustctl.publish.postfix_site import refuse_unusable

        refuse_unusable(place.directory)


def configure(place: Place, *, reload: bool) -> None:
    """Postfix's table: made always, named in main.cf with ``--reload``.

    Raises:
        NotEnforcedError: Postfix does not do, or would not do, what was exported.
    """
    if place.format != NAME:
        return
    from trustctl import render
    from trustctl.publish import postconf, postfix
    from trustctl.publish.postfix_site import site

    found = site(place.directory)
    if not postconf.installed() or not found.postfix.main.is_file():
        why = "there is no Postfix on this machine"
        if postconf.installed():
            why = f"{place.directory} holds no main.cf"
        if reload:
            raise NotEnforcedError(f"the data is written, but NOT IN FORCE: {why}", "--to DIR")
        render.note(f"note: NOT IN FORCE: {why}; no table was made")
        return
    policies = _policies(place)
    if reload:
        for remark in postfix.apply(found, policies):
            render.line(remark)
        _say(found)
        render.line(f"Postfix was asked: it holds the mail of {len(policies)} domains to the pins")
        if place.receives:
            render.line("Postfix was asked: it decides who may send as which domain, before others")
        return
    postfix.publish(found)
    wrong = postfix.differences(found, policies)
    if wrong:
        _say(found)
        render.note("note: NOT IN FORCE until main.cf says so: add --reload")
        if place.receives:
            render.note("note: who may send as which domain is asked with --reload alone")
        for one in wrong[:10]:
            render.note(f"note: {one}")


def finger(place: Place, domains: tuple[str, ...]) -> bool:
    """Let Postfix ask the hosts of these domains, and say what it finds; whether all are those that
    are pinned.

    Raises:
        NotEnforcedError: Postfix cannot be asked, or knows nothing of a domain.
        UsageError: one is no domain.
    """
    from trustctl import render
    from trustctl.facts.names import parse_domain
    from trustctl.publish.postfix_finger import ask
    from trustctl.publish.postfix_site import site

    found = site(place.directory)
    good = True
    for domain in map(parse_domain, domains):
        why = ask(found, domain)
        render.line(f"{domain}: {f'would wait: {why}' if why else 'verified'}")
        good = good and not why
    return good


def unheld(connection: Connection, trusts: Sequence[PeerTrust]) -> list[str]:
    """Which distrusted certificates Postfix takes all the same, below a peer's authority; in
    sentences of our own. One whose issuer is not known may be below any."""
    from trustctl.export.postfix import enforceable
    from trustctl.facts.certificate import parse_certificate
    from trustctl.facts.fingerprint import short
    from trustctl.inventory import distrusts, snapshot

    held = {one.peer: enforceable(one) for one in trusts if one.domains and enforceable(one)}
    denied = distrusts.distrusted_fingerprints(connection) if held else []
    chains, ders = snapshot.chains(connection, denied), snapshot.ders(connection, denied)
    facts = {one: parse_certificate(der) for one, der in ders.items()}
    found = []
    for peer, authorities in held.items():
        prints = {one.fingerprint for one in authorities}
        names = {parse_certificate(one.der).subject for one in authorities}
        for one in denied:
            known = facts.get(one)
            if known is not None and known.self_signed:
                continue
            if (
                known is not None
                and known.issuer not in names
                and not prints & {*chains.get(one, ())}
            ):
                continue
            why = "" if known is not None else " (who issued it is not known)"
            found.append(
                f"{peer}: Postfix cannot refuse {short(one)}{why}, distrusted, where the peer's "
                f"authority signed it: pin its hosts in the role host, and retire the authority"
            )
    return found


def _say(found: Site) -> None:
    """The lines that somebody would type."""
    from trustctl import render

    for name, value in found.wanted().items():
        render.line(f"postconf -e '{name} = {value}'")


def _policies(place: Place) -> dict[str, str]:
    """What the generation in force says of each domain."""
    from trustctl.export.postfix import POLICY, parse

    return parse((place.current / POLICY).read_bytes())


def rolled_back(place: Place) -> None:
    """Make the table of the generation that is in force again.

    Raises:
        NotEnforcedError: Postfix does not take it.
    """
    from trustctl.publish import postconf, postfix
    from trustctl.publish.postfix_site import site

    found = site(place.directory)
    if place.format == NAME and postconf.installed() and found.live.is_dir():
        postfix.publish(found)


def withdraw(place: Place) -> None:
    """Take our table out of Postfix's configuration.

    Raises:
        NotEnforcedError: Postfix cannot be asked; nothing was removed.
    """
    if place.format == NAME:
        from trustctl.publish import postfix
        from trustctl.publish.postfix_site import site

        postfix.withdraw(site(place.directory))


def state(place: Place, unheld: Sequence[str] = ()) -> MtaState | None:
    """What Postfix would really do, for an audit; None where the target is none of its.

    Args:
        unheld: what it cannot be held to, as :func:`unheld` tells.
    """
    if place.format != NAME:
        return None
    from trustctl.facts.mta import MtaState
    from trustctl.publish import postconf, postfix
    from trustctl.publish.postfix_site import site

    found = site(place.directory)
    where = str(place.directory)
    if not postconf.installed() or not found.postfix.main.is_file():
        return MtaState(where, False, why="there is no Postfix on this machine to ask")
    try:
        wrong = postfix.differences(found, _policies(place))
        told = (*postfix.notices(found), *unheld)
        return MtaState(where, True, tuple(wrong), notices=told)
    except (NotEnforcedError, OSError) as error:
        return MtaState(where, True, (f"Postfix cannot be asked: {error}",))
