"""``trustctl ca lint``: what pkilint says of a certificate or a CRL, whoever signed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.options import json_option
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from trustctl.ca.lint import Remark


@click.command(short_help="Look at certificates or CRLs with pkilint.")
@click.argument("file", metavar="FILE")
@json_option
@click.pass_context
def lint(ctx: click.Context, file: str, as_json: bool) -> None:
    """Look at the certificates or CRLs in a file (PEM or DER; - for stdin).

    Needs the extra: pip install 'trustctl[lint]'. What trustctl is about to sign
    is looked at by itself. Exit code 1: a rule says error.

    \b
    trustctl ca lint mx.bar.test.crt
    """
    from trustctl import render
    from trustctl.ca import pkilint
    from trustctl.intake.source import read_source

    if not pkilint.available():
        raise UsageError("pkilint is not installed", "pip install 'trustctl[lint]'")
    found = _look(read_source(file), file)
    if as_json:
        render.as_json(
            [
                {
                    "document": name,
                    "remarks": [
                        {"rule": one.rule, "level": one.level, "text": one.text} for one in remarks
                    ],
                }
                for name, remarks in found
            ]
        )
    else:
        for name, remarks in found:
            render.line(f"{name}: {'nothing to remark' if not remarks else ''}".rstrip())
            for one in remarks:
                render.line(f"  {one.level}: {one.rule}")
                if one.text != one.rule:
                    render.line(f"    {one.text}")
    if any(one.level == "error" for _name, remarks in found for one in remarks):
        ctx.exit(1)


def _look(data: bytes, file: str) -> list[tuple[str, list[Remark]]]:
    import hashlib

    from trustctl.ca import crl, pkilint
    from trustctl.commands.ca.crl_acceptance import split_crls
    from trustctl.facts.certificate import parse_certificate
    from trustctl.intake.pem import split_certificates

    if b"-----BEGIN X509 CRL-----" in data or _is_crl(data):
        ders = split_crls(data, file)
        return [(f"CRL number {crl.read(one).number}", pkilint.crl(one)) for one in ders]
    return [
        (
            parse_certificate(one).subject or hashlib.sha256(one).hexdigest()[:16].upper(),
            pkilint.certificate(one),
        )
        for one in split_certificates(data, file)
    ]


def _is_crl(data: bytes) -> bool:
    from trustctl.facts.der import certificate_fields

    if data[:1] != b"\x30":
        return False
    try:
        certificate_fields(data)
    except ValueError:
        return True
    return False
