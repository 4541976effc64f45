"""``trustctl ca request``: an issuing CA of ours asks a root that is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.init import KEY_CHOICE
from trustctl.commands.ca.keys import Keys, passphrase_option, same_place, token_option
from trustctl.commands.invocation import Invocation, typed
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from trustctl.ca.offline import Request
    from trustctl.commands.ca.output import Output
    from trustctl.facts.issuance import Authority, KeyKind
    from trustctl.inventory.authorities import PendingRequest


@click.command(short_help="Ask a root on another machine for an issuing CA.")
@click.option(
    "--ca", "hierarchy", metavar="NAME", help="The CA's name. [default: the one that is there]"
)
@click.option(
    "--key", "kind", type=KEY_CHOICE, help="Kind of key. [default: as before; at first ecdsa-p256]"
)
@click.option(
    "--permit",
    "permitted",
    multiple=True,
    metavar="DOMAIN",
    help="What the issuing CA is to be held to. Repeatable. [default: the same as before]",
)
@click.option("--out", required=True, metavar="FILE", help="The request; never over a file.")
@token_option(
    "Make the key in this PKCS #11 token, or file for a file. [default: where the one before is]"
)
@passphrase_option
@click.pass_obj
def request(
    call: Invocation,
    hierarchy: str | None,
    kind: KeyKind | None,
    permitted: tuple[str, ...],
    out: str,
    token: str | None,
    passphrase_file: str | None,
) -> None:
    """Make an issuing CA's key, and a request for a root on another machine.

    Carry the file there; 'trustctl ca sign-request' makes the answer that
    'trustctl ca accept' takes here. Also for the next issuing CA, when the
    first one's time is over. Typed again, it writes the same request again.

    \b
    trustctl ca request --permit bar.test --out request.json
    """
    from trustctl import render
    from trustctl.ca import offline
    from trustctl.commands.ca.output import write_new
    from trustctl.facts.fingerprint import spoken
    from trustctl.facts.names import parse_domain, parse_peer_name

    domains = tuple(dict.fromkeys(parse_domain(one) for one in permitted)) or None
    state = _state(call, None if hierarchy is None else parse_peer_name(hierarchy))
    if domains is None and state.before is not None:
        domains = state.before.permitted
    keys = Keys(call, passphrase_file)
    with write_new(out) as target:
        waiting = _waiting(state, domains, kind)
        if waiting is not None:
            wanted = offline.pending(
                waiting.hierarchy, waiting.subject, waiting.public_key, waiting.permitted
            )
            signer = keys.signer_at(waiting.key, waiting.public_key, waiting.subject)
            target.finish(offline.write_request(wanted, signer))
        else:
            wanted = _make(call, keys, state, domains, kind, token, target)
    render.line(f"{'written again' if waiting else 'written'}: {out}")
    render.fields(
        [
            ("asks for", wanted.subject),
            ("held to", "nothing" if domains is None else " ".join(domains)),
            ("key (SPKI)", spoken(wanted.spki).splitlines()),
        ]
    )
    render.note(f"note: where the root is: {typed('ca', 'sign-request', out, '--out', 'ANSWER')}")


@dataclass(frozen=True, slots=True)
class _State:
    """What is there of the CA: its issuing CA that is to be followed, requests that wait."""

    hierarchy: str
    number: int
    before: Authority | None
    requests: tuple[PendingRequest, ...]


def _state(call: Invocation, hierarchy: str | None) -> _State:
    from trustctl.facts.issuance import DEFAULT_HIERARCHY
    from trustctl.inventory import authorities

    if not call.path.exists():
        return _State(hierarchy or DEFAULT_HIERARCHY, 1, None, ())
    with call.reading() as tx:
        requests = authorities.requests(tx.connection)
        known = {*authorities.hierarchies(tx.connection), *(one.hierarchy for one in requests)}
        if hierarchy is None and len(known) > 1:
            raise UsageError(
                f"there are {len(known)} CAs ({', '.join(sorted(known))}); say which",
                f"--ca {min(known)}",
            )
        name = hierarchy or next(iter(known), DEFAULT_HIERARCHY)
        found = authorities.authorities(tx.connection, hierarchy=name)
    if any(one.kind == "root" and one.key != "elsewhere" for one in found):
        raise ConflictError(
            f"the root of {name} is on this machine: it needs no request",
            f"trustctl ca rollover issuing --ca {name}; or --ca NAME for another CA",
        )
    issuing = [one for one in found if one.kind == "issuing"]
    number = issuing[-1].number + 1 if issuing else 1
    waiting = tuple(one for one in requests if one.hierarchy == name)
    return _State(name, number, issuing[-1] if issuing else None, waiting)


def _waiting(
    state: _State, domains: tuple[str, ...] | None, kind: KeyKind | None
) -> PendingRequest | None:
    """The newest request that asks for the same and was not answered yet."""
    from trustctl.ca.kinds import kind_of, load_public_key

    for one in reversed(state.requests):
        same_kind = kind is None or kind_of(load_public_key(one.public_key)) == kind
        if one.permitted == domains and same_kind:
            return one
    return None


def _make(
    call: Invocation,
    keys: Keys,
    state: _State,
    domains: tuple[str, ...] | None,
    kind: KeyKind | None,
    token: str | None,
    target: Output,
) -> Request:
    from trustctl.ca import offline
    from trustctl.ca.kinds import kind_of, load_public_key, spki_of
    from trustctl.facts.der import subject_public_key_info
    from trustctl.inventory import authorities

    if kind is None:
        before = state.before
        kind = "ecdsa-p256"
        if before is not None:
            kind = kind_of(load_public_key(subject_public_key_info(before.der)))
    with keys.making(same_place(token, state.before)) as make:
        key = make(kind, f"{state.hierarchy} issuing {state.number}")
        if not call.path.exists():
            with call.writing(create=True):
                pass
    wanted = offline.Request(state.hierarchy, state.number, spki_of(key.signer.public_key), domains)
    text = offline.write_request(wanted, key.signer)
    with call.writing() as tx:
        authorities.add_request(
            tx,
            authorities.PendingRequest(
                wanted.spki, wanted.ca, wanted.subject, domains, wanted.public_key, key.place
            ),
        )
    target.finish(text)
    from trustctl import render

    render.note(*keys.describe([key]))
    return wanted
