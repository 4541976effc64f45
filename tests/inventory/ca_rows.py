"""A row in every table of the private CA."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection

from tests import certs
from tests.certs import Made
from tests.inventory.store import LONG, NOW, Store
from trustctl.ca import crl
from trustctl.ca.draft import draft, new_serial
from trustctl.ca.finish import finish
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.profile import load
from trustctl.ca.signer import KeySigner
from trustctl.facts.addition import Evidence
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.issuance import Draft, Template
from trustctl.inventory import authorities, crls, crosses, issuances, staples
from trustctl.inventory.authorities import PendingRequest


def _draft(root: Made, host: str) -> Draft:
    key = generate("ecdsa-p256").public_key()
    template = Template(
        load("mta"), host, (host,), spki_of(key), new_serial(), NOW - certs.DAY,
        NOW + 90 * certs.DAY,
    )  # fmt: skip
    return draft(template, root.certificate, "ecdsa-p256")


def add_ca(store: Store) -> None:
    """A root, a request for it, two hosts' certificates of which one is revoked, one that was never
    signed, a CRL and a staple; the CA of baz is held to names by what was signed second."""
    root = certs.authority("Our root", days=LONG, not_before=NOW - certs.DAY)
    signer = KeySigner(root.key)  # type: ignore[arg-type]
    evidence = Evidence(parse_certificate(root.der), root.der)
    drafts = [_draft(root, f"mx{one}.our.test") for one in range(3)]
    with store.writing() as tx:
        authorities.add(tx, "main", "root", "file:x.key", evidence, ("our.test",))
        other = spki_of(generate("ecdsa-p256").public_key())
        wanted = PendingRequest(
            hashlib.sha256(other).hexdigest(), "main", "Our next CA", None, other, "file:y.key"
        )
        authorities.add_request(tx, wanted)
        ids = issuances.reserve(tx, root.spki, drafts)
        ders = [finish(one, signer) for one in drafts[:2]]
        made = [Evidence(parse_certificate(one), one) for one in ders]
        issuances.complete(tx, zip(ids, made, strict=False))
    with store.writing() as tx:
        found = issuances.read_ids(tx.connection, ids[:1])
        issuances.revoke(tx, found[0], "superseded")
        tx.flush()
        crls.add(tx, _list(tx.connection, root, signer))
        staples.add(tx, root.spki, [staples.Staple(ids[1], "good", NOW, NOW + 9, b"staple")])
        crosses.add(tx, "baz", "ab" * 32, ids[1], ("baz.test",), ())


def _list(connection: Connection, root: Made, signer: KeySigner) -> crls.StoredCrl:
    entries = crl.due_entries(crls.revoked(connection, root.spki), None)
    der = crl.sign(
        root.der, signer, entries, number=1, base=None, this_update=NOW, next_update=NOW + 9
    )
    return crls.StoredCrl(root.spki, 1, None, NOW, NOW + 9, der)
