"""The row that keeps a certificate, and the digest of it that the journal keeps."""

from __future__ import annotations

import hashlib
from operator import itemgetter
from typing import TYPE_CHECKING

from trustctl.inventory.canonical import Form, canonical, texts

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence


def certificate_row(evidence: Evidence) -> dict[str, object]:
    """The row that keeps a certificate and its facts."""
    facts = evidence.facts
    return {
        "fingerprint": facts.fingerprint,
        "der": evidence.der,
        "spki": facts.spki,
        "subject": _text(facts.subject),
        "issuer": _text(facts.issuer),
        "serial": facts.serial,
        "names": texts(facts.names),
        "not_before": facts.not_before,
        "not_after": facts.not_after,
        "is_ca": None if facts.is_ca is None else int(facts.is_ca),
        "self_signed": int(facts.self_signed),
        "key_kind": facts.key_kind,
        "key_bits": facts.key_bits,
        "curve": facts.curve,
        "signature_hash": facts.signature_hash,
        "version": facts.version,
        "problems": texts(facts.problems),
    }


def facts_digest(row: dict[str, object]) -> str:
    """SHA-256 of a certificate's row but for the DER, of which the fingerprint is one: what the
    journal keeps of the facts, so that facts altered in the database show."""
    facts = row.copy()
    del facts["der"]
    return hashlib.sha256(canonical(facts).encode()).hexdigest()


_DIFFERENT = ("fingerprint", "names", "serial", "spki", "subject")
_SAME = itemgetter(
    "issuer", "not_before", "not_after", "is_ca", "self_signed", "key_kind", "key_bits", "curve",
    "signature_hash", "version", "problems",
)  # fmt: skip
_different = itemgetter(*_DIFFERENT)


class Digests:
    """:func:`facts_digest` of many rows, most of which differ in little."""

    def __init__(self) -> None:
        self._forms: dict[tuple[object, ...], Form] = {}

    def digest(self, row: dict[str, object]) -> str:
        """The digest of a row that :func:`certificate_row` made."""
        same = _SAME(row)
        form = self._forms.get(same)
        if form is None:
            common = row.copy()
            for name in ("der", *_DIFFERENT):
                del common[name]
            form = self._forms[same] = Form(common, *_DIFFERENT)
        return hashlib.sha256(form(*_different(row)).encode()).hexdigest()


def _text(value: str | None) -> str | None:
    # SQLite stores UTF-8: what is not (a lone surrogate) is kept as its escape
    return None if value is None else value.encode("utf-8", "backslashreplace").decode()
