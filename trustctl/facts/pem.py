"""PEM as it is written (RFC 7468): 64 characters a line."""

from __future__ import annotations

import binascii


def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """The DER in PEM under its label."""
    text = binascii.b2a_base64(der, newline=False)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    name = label.encode("ascii")
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (name, b"\n".join(lines), name)
