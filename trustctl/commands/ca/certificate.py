"""``trustctl ca certificate``: an authority's own certificate, or what was issued, in PEM."""

from __future__ import annotations

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError

_KINDS = ("root", "issuing")


@click.command(short_help="Print the certificates of the root or issuing CA.")
@click.argument("which", metavar="root|issuing|HOST|SERIAL")
@click.option("--out", metavar="FILE", help="Write it there (0644), never over a file.")
@ca_option
@click.pass_obj
def certificate(call: Invocation, which: str, out: str | None, hierarchy: str | None) -> None:
    """Print certificates in PEM: the root's, the issuing CA's, or a host's.

    After a rollover those of the CAs that are still in use are all there, the
    newest first. A host's comes with the chain above it, as its server presents
    it; of several the newest.

    \b
    trustctl ca certificate root --out bar-root.pem
    """
    from trustctl import render
    from trustctl.commands.ca.output import write_new

    text = _authorities(call, hierarchy, which) if which in _KINDS else _host(call, which)
    if out is None:
        render.raw(text)
        return
    with write_new(out) as target:
        target.finish(text)
    render.line(f"written: {out}")


def _authorities(call: Invocation, hierarchy: str | None, which: str) -> bytes:
    from trustctl.commands.ca import work
    from trustctl.facts.pem import pem
    from trustctl.inventory import authorities, issuances

    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        kind = authorities.kind_named(which)
        known = authorities.authorities(tx.connection, hierarchy=name, kind=kind)
        prints = [one.fingerprint for one in known]
        gone = {
            one.fingerprint
            for one in issuances.search_fingerprints(tx.connection, prints)
            if one.revoked_at is not None
        }
    found = [one for one in known if one.not_after >= call.now and one.fingerprint not in gone]
    if not found:
        raise ConflictError(
            f"the CA {name} has no {which} certificate that is in use",
            "trustctl ca list --authorities shows what there is",
        )
    return b"".join(pem(one.der) for one in reversed(found))


def _host(call: Invocation, subject: str) -> bytes:
    from trustctl.commands.ca import work
    from trustctl.facts.pem import pem
    from trustctl.inventory import authorities, issuances

    with call.reading() as tx:
        found = issuances.find(tx.connection, subject)[-1]
        known = authorities.authorities(tx.connection)
        (der,) = issuances.ders(tx.connection, [found]).values()
        issuer = [one for one in known if one.spki == found.issuer]
        above: list[bytes] = []
        if issuer and issuer[-1].kind == "issuing":
            above = [issuer[-1].der, *work.bridges(tx.connection, issuer[-1].hierarchy, call.now)]
    return b"".join(pem(one) for one in (der, *above))
