"""``trustctl ca init``: a root, and an issuing CA below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import Keys, passphrase_option
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
@passphrase_option
@click.pass_obj
def init(
    call: Invocation,
    name: str,
    kind: KeyKind,
    permitted: tuple[str, ...],
    offline_root: bool,
    passphrase_file: str | None,
) -> None:
    """Make a root, and an issuing CA below it.

    The keys are written beside the inventory, in ca/, encrypted with a
    passphrase. With --offline-root only the root is made: carry requests to it
    with ca request, ca sign-request and ca accept.

    \b
    trustctl ca init --permit bar.test
    """
    import hashlib

    from cryptography import x509

    from trustctl import render
    from trustctl.ca import kinds
    from trustctl.ca.signer import KeySigner
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
    else:
        with call.writing(create=True):
            pass
    keys = Keys(call, passphrase_file)
    root_key = kinds.generate(kind)
    root_signer = KeySigner(root_key)
    root_place = keys.keep(root_key)
    drafts = [authority_draft("root", hierarchy, 1, root_key.public_key(), call.now)]
    root = x509.load_der_x509_certificate(drafts[0].sample)
    work.look(drafts, ())
    places = [root_place]
    if not offline_root:
        issuing_key = kinds.generate(kind)
        drafts.append(
            authority_draft(
                "issuing",
                hierarchy,
                1,
                issuing_key.public_key(),
                call.now,
                issuer=root,
                signer=kind,
                permitted=domains,
            )
        )
        work.look(drafts[1:], (root,))
        places.append(keys.keep(issuing_key))

    def record(tx: WriteTransaction, made: list[Evidence]) -> None:
        authorities.add(tx, hierarchy, "root", places[0], made[0], None)
        for one in made[1:]:
            authorities.add(tx, hierarchy, "issuing", places[1], one, domains)

    spki = hashlib.sha256(kinds.spki_of(root_key.public_key())).hexdigest()
    made = work.sign(call, spki, root_signer, drafts, then=record)
    for evidence, what in zip(made, ("root", "issuing CA"), strict=False):
        end = evidence.facts.not_after
        render.line(f"made: the {what} of {hierarchy}, to {format_date(end or 0)}")
        render.fields([("fingerprint", spoken(evidence.facts.fingerprint).splitlines())])
    if domains:
        render.line(f"the issuing CA is held to: {' '.join(domains)}")
    render.note(
        f"note: the keys are in {keys.folder}, encrypted; back them up with the inventory,",
        "      and keep the passphrase apart from both",
    )
