"""``jks``: a truststore in Java's own old format, for what does not read PKCS #12.

The format as OpenJDK's ``sun.security.provider.JavaKeyStore`` documents it: a magic number, the
version, the number of entries; for each trusted certificate the tag 2, its alias, when it was put
in (milliseconds since 1970), the type ``X.509``, and the DER; then a digest over the password, a
constant text, and all that. The digest is SHA-1, by the format: it protects nothing against whoever
can write the file, and what can read PKCS #12 should.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence

from trustctl.export.format import Format, Options, alias, certificates, password
from trustctl.export.pkcs12 import fits
from trustctl.facts.records import PeerTrust

_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_WHITENER = b"Mighty Aphrodite"


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """One store; an alias is the peer's name and the beginning of the fingerprint.

    The time of each entry is 1970: the same peers make the same file.

    Raises:
        UsageError: there is no password, or a poor one.
    """
    secret = password(options)
    members = certificates(trusts)
    parts = [struct.pack(">III", _MAGIC, _VERSION, len(members))]
    for peer, one in members:
        parts += [
            struct.pack(">I", _TRUSTED),
            _text(alias(peer, one)),
            struct.pack(">Q", 0),
            _text("X.509"),
            struct.pack(">I", len(one.der)),
            one.der,
        ]
    content = b"".join(parts)
    keyed = secret.encode("utf-16-be") + _WHITENER + content
    digest = hashlib.sha1(keyed)  # noqa: S324 - the format has no other
    return {"truststore.jks": content + digest.digest()}


def _text(text: str) -> bytes:
    """DataOutput.writeUTF: of ASCII, the same as UTF-8."""
    return struct.pack(">H", len(text)) + text.encode("ascii")


FORMAT = Format(
    name="jks",
    help="A truststore with a password in Java's old format.",
    files=files,
    use="-Djavax.net.ssl.trustStore={current}/truststore.jks",
    password=True,
    fits=fits,
)
