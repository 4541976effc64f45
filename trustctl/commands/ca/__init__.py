"""``trustctl ca``: the private CA for the MTAs that one runs oneself."""

from __future__ import annotations

import click

from trustctl.commands.lazy import LazyGroup

_COMMANDS = {
    "init": ("init", "init"),
    "issue": ("issue", "issue"),
    "sign": ("request", "sign"),
    "renew": ("renew", "renew"),
    "next-key": ("next_key", "next_key"),
    "tlsa": ("tlsa", "tlsa"),
    "cross": ("cross", "cross"),
    "rollover": ("rollover", "rollover"),
    "request": ("handover", "request"),
    "sign-request": ("answer", "sign_request"),
    "lint": ("lint", "lint"),
    "accept": ("acceptance", "accept"),
    "revoke": ("revoke", "revoke"),
    "crl": ("crl", "crl"),
    "ocsp": ("ocsp", "ocsp"),
    "list": ("listing", "list_"),
    "show": ("listing", "show"),
    "certificate": ("certificate", "certificate"),
}


@click.group(cls=LazyGroup, package="trustctl.commands.ca", table=_COMMANDS)
def ca() -> None:
    """The private CA for the MTAs that you run yourself.

    \b
    trustctl ca init --permit bar.test
    trustctl ca issue mx.bar.test --out /etc/ssl/mail
    trustctl ca list
    """
