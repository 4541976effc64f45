"""``trustctl ca init``: a root, and an issuing CA below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import Keys, passphrase_option, token_option
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import KeyKind
    from trustctl.inventory.transaction import WriteTransaction

KEY_CHOICE = click.Choice(["ecdsa-p256", "ecdsa-p384", "rsa-3072", "ed25519", "ml-dsa-65"])


@click.command()
@click.option("--name", default="main", show_default=True, metavar="NAME", help="The CA's name.")
@click.option(
    "--key", "kind", type=KEY_CHOICE, default="ecdsa-p256", show_default=True, help="Kind of key."
)
@click.option(
    "--permit",
    "permitted",
    multiple=True,
    metavar="DOMAIN",
    help="Hold the issuing CA to this domain, by critical name constraints. Repeatable.",
)
@click.option("--offline-root", is_flag=True, help="Make the root alone: this machine stays dark.")
@token_option("Make the keys in this PKCS #11 token: pkcs11:token=NAME.")
@passphrase_option
@click.pass_obj
def init(
    call: Invocation,
    name: str,
    kind: KeyKind,
    permitted: tuple[str, ...],
    offline_root: bool,
    token: str | None,
    passphrase_file: str | None,
) -> None:
    """Make a root, and an issuing CA below it.

    The keys are written beside the inventory, in ca/, encrypted with a
    passphrase; or made in a PKCS #11 token. With --offline-root only the root
    is made: carry requests to it with ca request, sign-request and accept.

    \b
    trustctl ca init --permit bar.test
    """
    from trustctl import render
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.commands.ca.making import authority_draft
    from trustctl.errors import UsageError
    from trustctl.facts.fingerprint import spoken
    from trustctl.facts.moment import format_date
    from trustctl.facts.names import parse_domain, parse_peer_name
    from trustctl.inventory import authorities

    hierarchy = parse_peer_name(name)
    domains = tuple(parse_domain(one) for one in permitted) or None
    if offline_root and domains:
        raise UsageError(
            "--permit is for the issuing CA, and --offline-root makes none",
            "give --permit to trustctl ca request",
        )
    if call.path.exists():
        with call.reading() as tx:
            if hierarchy in authorities.hierarchies(tx.connection):
                raise ConflictError(
                    f"the CA {hierarchy} is there already; nothing was changed",
                    "trustctl ca list shows it; --name makes another beside it",
                )
    keys = Keys(call, passphrase_file)
    with keys.making(token) as make:
        made_keys = [make(kind, f"{hierarchy} root 1")]
        public = made_keys[0].signer.public_key
        drafts = [authority_draft("root", hierarchy, 1, public, call.now)]
        root = load(drafts[0].sample)
        work.look(drafts, ())
        if not offline_root:
            made_keys.append(make(kind, f"{hierarchy} issuing 1"))
            below = authority_draft(
                "issuing", hierarchy, 1, made_keys[1].signer.public_key, call.now,
                issuer=root, signer=kind, permitted=domains,
            )  # fmt: skip
            work.look([below], (root,))
            drafts.append(below)
        if not call.path.exists():
            with call.writing(create=True):
                pass

    def record(tx: WriteTransaction, made: list[Evidence]) -> None:
        authorities.add(tx, hierarchy, "root", made_keys[0].place, made[0], None)
        for one in made[1:]:
            authorities.add(tx, hierarchy, "issuing", made_keys[1].place, one, domains)

    made = work.sign(call, drafts[0].spki, made_keys[0].signer, drafts, then=record)
    for evidence, what in zip(made, ("root", "issuing CA"), strict=False):
        end = evidence.facts.not_after
        render.line(f"made: the {what} of {hierarchy}, to {format_date(end or 0)}")
        render.fields([("fingerprint", spoken(evidence.facts.fingerprint).splitlines())])
    if domains:
        render.line(f"the issuing CA is held to: {' '.join(domains)}")
    render.note(*keys.describe(made_keys))
