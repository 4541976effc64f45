"""``trustctl ca rollover``: the next root or issuing CA, beside the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.init import KEY_CHOICE
from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option, same_place, token_option
from trustctl.commands.invocation import Invocation, confirm
from trustctl.commands.options import yes_option
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Authority, Draft, KeyKind
    from trustctl.inventory.transaction import WriteTransaction


@click.command(short_help="Make the next root or issuing CA.")
@click.argument("which", type=click.Choice(["root", "issuing"]))
@click.option("--key", "kind", type=KEY_CHOICE, help="Kind of key. [default: the same as before]")
@click.option(
    "--permit",
    "permitted",
    multiple=True,
    metavar="DOMAIN",
    help="What the new issuing CA is held to. [default: the same as before]",
)
@token_option(
    "Make the key in this PKCS #11 token, or file for a file. [default: where the one before is]"
)
@ca_option
@passphrase_option
@yes_option
@click.pass_obj
def rollover(
    call: Invocation,
    which: str,
    kind: KeyKind | None,
    permitted: tuple[str, ...],
    token: str | None,
    hierarchy: str | None,
    passphrase_file: str | None,
    yes: bool,
) -> None:
    """Make the next root or issuing CA; what the one before issued stays valid.

    A new root and the old one sign each other (RFC 4210, 4.4), and the issuing
    CA's key is signed by the new root too. New chains then lead to either root:
    partners may change to the new one whenever they like. Give them what
    'trustctl ca certificate root' prints: both, until the old one ends.

    \b
    trustctl ca rollover issuing
    """
    from trustctl import render
    from trustctl.commands.ca import work
    from trustctl.facts.names import parse_domain
    from trustctl.inventory import authorities

    domains = tuple(parse_domain(one) for one in permitted)
    if domains and which == "root":
        raise UsageError(
            "a root is held to nothing", "--permit is for: trustctl ca rollover issuing"
        )
    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        root = authorities.current(tx.connection, name, "root")
        issuing = authorities.current(tx.connection, name, "issuing")
    if which == "root" and root.key == "elsewhere":
        raise ConflictError(
            f"the root of {name} is on another machine; nothing was changed",
            "there: trustctl ca init --offline-root --name NEXT; here: ca request --ca NEXT",
        )
    confirm(
        f"Make the next {which} CA of {name}? The one before signs nothing new from then on.",
        yes=yes,
        without_terminal=f"trustctl ca rollover {which} --yes",
    )
    keys = Keys(call, passphrase_file)
    roll = _root if which == "root" else _issuing
    place = same_place(token, root if which == "root" else issuing)
    for line in roll(call, keys, name, root, issuing, kind, domains or issuing.permitted, place):
        render.line(line)
    render.note("note: hosts get the new chain with their next certificate: trustctl ca renew")


def _issuing(
    call: Invocation,
    keys: Keys,
    name: str,
    root: Authority,
    old: Authority,
    kind: KeyKind | None,
    permitted: tuple[str, ...] | None,
    token: str | None,
) -> list[str]:
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.commands.ca.making import authority_draft
    from trustctl.inventory import authorities

    signer = keys.signer(root)
    above = load(root.der)
    with keys.making(token) as make:
        key = make(kind or _kind(old), f"{name} issuing {old.number + 1}")
        draft = authority_draft(
            "issuing", name, old.number + 1, key.signer.public_key, call.now,
            issuer=above, signer=signer.kind, permitted=permitted,
        )  # fmt: skip
        work.look([draft], (above,))

    def record(tx: WriteTransaction, made: list[Evidence]) -> None:
        authorities.add(tx, name, "issuing", key.place, made[0], permitted)
        authorities.retire(tx, old)

    made = work.sign(call, root.spki, signer, [draft], then=record)
    return [f"made: {name}/issuing-{old.number + 1}, {made[0].facts.fingerprint[:16].upper()}"]


def _root(
    call: Invocation,
    keys: Keys,
    name: str,
    old: Authority,
    issuing: Authority,
    kind: KeyKind | None,
    permitted: tuple[str, ...] | None,
    token: str | None,
) -> list[str]:
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.commands.ca.making import authority_draft, cross_draft
    from trustctl.inventory import authorities

    old_signer = keys.signer(old)
    old_root = load(old.der)
    with keys.making(token) as make:
        key = make(kind or _kind(old), f"{name} root {old.number + 1}")
        fresh = authority_draft("root", name, old.number + 1, key.signer.public_key, call.now)
        new_root = load(fresh.sample)
        by_new: list[Draft] = [
            fresh,
            cross_draft("root-cross", old.der, new_root, key.signer.kind, call.now),
            cross_draft(
                "issuing", issuing.der, new_root, key.signer.kind, call.now, permitted=permitted
            ),
        ]
        by_old = cross_draft("root-cross", fresh.sample, old_root, old_signer.kind, call.now)
        work.look([fresh], ())
        work.look(by_new[1:], (new_root,))
        work.look([by_old], (old_root,))
    new_spki = fresh.spki

    # the old root's statement first: from the moment the new root is in the inventory, chains
    # that lead to either can be made
    work.sign(call, old.spki, old_signer, [by_old])

    def record(tx: WriteTransaction, made: list[Evidence]) -> None:
        authorities.add(tx, name, "root", key.place, made[0], None)
        authorities.add(tx, name, "issuing", issuing.key, made[2], permitted)
        authorities.retire(tx, issuing)
        authorities.retire(tx, old)

    made = work.sign(call, new_spki, key.signer, by_new, then=record)
    return [
        f"made: {name}/root-{old.number + 1}, {made[0].facts.fingerprint[:16].upper()}",
        "the old and the new root have signed each other, and the new one the issuing CA's key",
    ]


def _kind(one: Authority) -> KeyKind:
    from trustctl.ca.kinds import kind_of
    from trustctl.ca.load import load

    return kind_of(load(one.der).public_key())
