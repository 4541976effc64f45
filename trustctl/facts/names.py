"""Names as people type them, validated where they enter: domains, hosts, peers, vouchers, notes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from trustctl.errors import UsageError
from trustctl.facts.text import printable

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII)
_PEER = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9 ._/+-]{0,59}", re.ASCII)
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+")
_ENDINGS = (".pem", ".crt", ".cer", ".der", ".p7b", ".p7c", ".txt")
_SHOWN = 60


def parse_domain(text: str) -> str:
    """A mail domain as lower-case LDH A-labels (RFC 5890, 2.3.2.1; RFC 5321, 2.3.5).

    Accepts any case, U-labels (UTS 46) and one trailing dot.

    Raises:
        UsageError: it is no domain name with two labels at least.
    """
    return _ldh(text, "domain", "foo.example")


def parse_host(text: str) -> str:
    """A host's name as lower-case LDH A-labels.

    Raises:
        UsageError: it is no host name.
    """
    return _ldh(text, "host name", "mx.foo.example")


def _ldh(text: str, what: str, example: str) -> str:
    name = text.strip().removesuffix(".")
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True, std3_rules=True, transitional=False).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise UsageError(
                f"{_shown(text)} is not a {what}: {printable(str(error), 80)}",
                f"type it like {example}",
            ) from None
    name = name.lower()
    if "@" in name:
        raise UsageError(f"{_shown(text)} is an address, not a {what}", "type the part after the @")
    if not _DOMAIN.fullmatch(name) or len(name) > 253:
        raise UsageError(
            f"{_shown(text)} is not a {what}: letters, digits and hyphens in two or more labels",
            f"type it like {example}",
        )
    labels = name.split(".")
    if labels[-1].isdigit():
        raise UsageError(f"{_shown(text)} is an address, not a {what}", f"type it like {example}")
    for label in labels:
        if label.startswith("xn--"):
            _check_a_label(label, text, what, example)
    return name


def _check_a_label(label: str, text: str, what: str, example: str) -> None:
    import idna

    try:
        idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        raise UsageError(
            f"{_shown(text)} is not a {what}: {label} is no valid A-label",
            f"type it like {example}",
        ) from None


def spellings(domain: str) -> tuple[str, ...]:
    """A domain in A-labels, and in U-labels where those are others (RFC 5890, 2.3.2.1)."""
    if "xn--" not in domain:
        return (domain,)
    import idna

    try:
        return (domain, idna.decode(domain))
    except (idna.IDNAError, UnicodeError):
        return (domain,)


def _shown(text: str) -> str:
    return repr(printable(text, _SHOWN))


def within(name: str, domain: str) -> bool:
    """Whether a host or domain is the domain or lies below it (RFC 5280, 4.2.1.10)."""
    return name == domain or name.endswith("." + domain)


def covering(names: Iterable[str]) -> tuple[str, ...]:
    """The fewest of the names that the others are within, sorted."""
    known = set(names)
    return tuple(
        sorted(one for one in known if not any(within(one, other) for other in known - {one}))
    )


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate with these names is one for the host, a name or an address; a wildcard
    stands for exactly the first label of a name (RFC 6125, 6.4)."""
    parent = host.partition(".")[2]
    wanted = {host}
    if "." in parent and not host.rpartition(".")[2].isdigit():  # 192.0.2.1 is in no domain
        wanted.add(f"*.{parent}")
    return any(one.isascii() and one.lower().removesuffix(".") in wanted for one in names)


def parse_peer_name(text: str) -> str:
    """A peer's name, lower-case: safe in any configuration, comment and file name.

    Raises:
        UsageError: anything but up to 63 letters, digits, ``.``, ``_`` and ``-``.
    """
    name = text.strip().lower()
    if not _PEER.fullmatch(name):
        raise UsageError(
            f"{printable(text, _SHOWN)!r} is not a peer's name: up to 63 ASCII letters, digits, "
            "dots, hyphens and underscores, a letter or digit first",
            "type a short name of your own for them: --peer foo",
        )
    return name


def propose_domain(names: Iterable[str]) -> str | None:
    """A mail domain to propose for a certificate with these names; None where none fits."""
    for name in names:
        try:
            host = parse_host(name.removeprefix("*."))
        except UsageError:
            continue
        labels = host.split(".")
        return host if len(labels) == 2 else ".".join(labels[1:])
    return None


def propose_peer_name(names: Iterable[str]) -> str | None:
    """A peer's name to propose for a certificate with these names; None where none fits."""
    domain = propose_domain(names)
    return None if domain is None else domain.split(".")[0]


def propose_peer_name_of_file(file: str) -> str | None:
    """A peer's name to propose for what is in a file of this name; None where none fits."""
    stem = file.rpartition("/")[2]
    for ending in _ENDINGS:
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
            break
    else:
        return None  # standard input, or a hashed name: they say nothing
    try:
        return propose_peer_name([stem]) or parse_peer_name(stem)
    except UsageError:
        return None


def parse_voucher(text: str) -> str:
    """A person, as in ``Ann <ann@bar.test>``: one line of up to 200 characters.

    Raises:
        UsageError: it is empty, too long, or holds what cannot be seen.
    """
    return _one_line(text, "a person's name", 200, "type it like 'Ann <ann@bar.test>'")


def voucher_key(text: str) -> str:
    """What makes one voucher distinct from another, however their name is spelt: the mail address
    where there is one, else the name without regard to case, width and spacing."""
    text = unicodedata.normalize("NFKC", text).strip()
    found = _ADDRESS.search(text, text.find("<") + 1) or _ADDRESS.search(text)
    if found is not None:
        return found[0].casefold().rstrip(".")
    return " ".join(text.casefold().split())


def parse_channel(text: str) -> str:
    """How a fingerprint was learnt, lower-case: ``in-person``, ``phone``, ``signed-mail``, ...

    Raises:
        UsageError: it is empty, longer than 60 characters, or not plain words.
    """
    channel = " ".join(text.lower().split())
    if not _CHANNEL.fullmatch(channel):
        raise UsageError(
            f"--via {printable(text, _SHOWN)!r}: a few plain words are meant",
            "type --via in-person, phone, signed-mail or post",
        )
    return channel


def parse_note(text: str) -> str:
    """A note, on one line, of up to 2,000 characters; it may be empty.

    Raises:
        UsageError: it is too long, or holds what cannot be seen.
    """
    return _one_line(text, "a note", 2000, "type one line of text") if text.strip() else ""


def parse_reason(text: str) -> str:
    """A reason for the journal, on one line; it may not be empty.

    Raises:
        UsageError: it is empty, too long, or holds what cannot be seen.
    """
    return _one_line(text, "a reason", 2000, "type --reason 'what happened'")


def _one_line(text: str, what: str, limit: int, hint: str) -> str:
    line = text.strip()
    if not line:
        raise UsageError(f"{what} may not be empty", hint)
    if len(line) > limit:
        raise UsageError(f"{what} may have {limit} characters, this one has {len(line)}", hint)
    if printable(line) != line:
        raise UsageError(
            f"{printable(line, _SHOWN)!r}: {what} may not hold control or invisible characters",
            hint,
        )
    return unicodedata.normalize("NFC", line)
