"""What a probe would have seen, made up: hosts that nobody dialled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.certs import Made
from trustctl.facts.addition import Evidence
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.wire import Endpoint, Outcome, Protocol, Sighting, Testimony
from trustctl.inventory.observations import Seen


def seen(
    made: Made | None,
    host: str = "mx.foo.test",
    *,
    at: int,
    peer: str | None = None,
    domain: str | None = None,
    chain: tuple[Made, ...] = (),
    address: str = "192.0.2.1",
    port: int = 25,
    protocol: Protocol = "smtp",
    outcome: Outcome = "timeout",
    **more: Any,
) -> Seen:
    """That a host presented ``made`` with ``chain``, or ``outcome`` where it presented nothing."""
    given = () if made is None else (made, *chain)
    ders = tuple(one.der for one in given)
    sighting = Sighting(
        Endpoint(host, address, port, protocol),
        at,
        outcome if made is None else "presented",
        tls=None if made is None else "TLSv1.3",
        cipher=None if made is None else "TLS_AES_256_GCM_SHA384",
        chain=ders,
    )
    evidence = tuple(Evidence(parse_certificate(one), one) for one in ders)
    return Seen(replace(sighting, **more), evidence, peer, domain)


ABSENT = Testimony("dane", "absent", "no TLSA records, not authenticated by DNSSEC")
MATCHES = Testimony("dane", "supports", "3 1 1 matches, authenticated by DNSSEC")
PUBLIC = Testimony("public-ca", "contradicts", "self-signed: no public CA signed it")
