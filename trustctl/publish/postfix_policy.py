"""Who may send as a protected domain, answered to Postfix (SMTPD_POLICY_README).

Postfix runs a copy of this file, DIR/trustctl/live/senders.py, as ``nobody`` from its spawn(8): it
uses Python's own library alone, and reads nothing but the generation in force. It is asked in four
places of main.cf, told apart by ``policy_context``:

``sender``  (smtpd_sender_restrictions) refuses whoever may not send as the domain.
``data``    (smtpd_data_restrictions) refuses it too, for Postfix asks nobody about mail to a bare
            ``postmaster`` before; and marks what is the peer's with a header.
``log``     (the same, for each message) writes a line in the log.
``relay``   (smtpd_relay_restrictions) lets a peer's server send through ours, as its own domain.

Whatever goes wrong is put off: a map that is missing, or not whole, lets nobody be anybody.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping

HEADER = "Trustctl-Peer"
LATER = "451 4.3.0 temporary local problem, please try again later"
NOTHING = "DUNNO"
MAP, WHOLE, WORD = "senders.map", "whole", "word"
_ODD = "550 5.1.7 the sender's domain is spelt with letters that no domain has"
_REFUSES = ("sender", "data")
_LDH = re.compile(r"[a-z0-9._-]+", re.ASCII)
_WORD = re.compile(r"[0-9a-f]{32}", re.ASCII)
_ROUTED = re.compile(r"[@%!]")
_DOTS = re.compile("[\u3002\uff0e\uff61]")
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""What a domain may hold and nobody sees (Default_Ignorable_Code_Point): UTS 46 takes it out."""


class Senders:
    """The map of the generation in force; read again when another one is."""

    def __init__(self, folder: str) -> None:
        self._inbound = os.path.join(folder, "current", "inbound")
        self._word = os.path.join(folder, "live", WORD)
        self._seen: tuple[int, ...] = ()
        self._text = b""

    def entry(self, domain: str) -> dict[str, str]:
        """What is said of a domain in A-labels; empty where nothing is.

        Raises:
            OSError, ValueError: the map cannot be read, or is not whole.
        """
        self._read()
        start = self._text.find(b"\n%s\t" % domain.encode("ascii"))
        if start < 0:
            return {}
        line = self._text[start + 1 : self._text.index(b"\n", start + 1)].decode("ascii")
        return dict(one.split("=", 1) for one in line.partition("\t")[2].split(" "))

    def word(self) -> str:
        """What the header is called until Postfix has taken out those that came with a message.

        Raises:
            OSError, ValueError: there is none.
        """
        with open(self._word, encoding="ascii") as file:
            found = file.read().strip()
        if not _WORD.fullmatch(found):
            raise ValueError(self._word)
        return found

    def _read(self) -> None:
        folder = os.open(self._inbound, os.O_RDONLY | os.O_DIRECTORY)
        try:
            info = os.stat(MAP, dir_fd=folder)
            seen = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
            if seen == self._seen:
                return
            self._seen = ()
            text, whole = (self._content(name, folder) for name in (MAP, WHOLE))
            if hashlib.sha256(text).hexdigest().encode() != whole.strip():
                raise ValueError("the map is not whole")
            self._text, self._seen = b"\n" + text, seen
        finally:
            os.close(folder)

    @staticmethod
    def _content(name: str, folder: int) -> bytes:
        handle = os.open(name, os.O_RDONLY, dir_fd=folder)
        with open(handle, "rb") as file:
            return file.read()


def domains(sender: str) -> Iterator[str]:
    """The domains that an address could be taken for, in A-labels, each once.

    Raises:
        ValueError: it is spelt as none is.
    """
    user, at, domain = sender.rpartition("@")
    if at:
        found = [domain]
    else:  # as trivial-rewrite(8) turns them: domain!user, user%domain
        found = [one for one in (user or sender).replace("!", "%").split("%") if "." in one]
        found += [domain] if "%" in domain or "!" in domain else []
        found = [one for each in found for one in re.split("[%!]", each)]
    spelt = [each for one in found if one[:1] != "[" for each in (one.lower(), *_mapped(one))]
    yield from dict.fromkeys(map(_a_labels, spelt))


def _mapped(domain: str) -> Iterator[str]:
    """What UTS 46 makes of a domain that is not ASCII: with the letters that it maps away in the
    transition from IDNA 2003, and with those that stay."""
    if domain.isascii():
        return
    shown = _IGNORED.sub("", unicodedata.normalize("NFKC", _DOTS.sub(".", domain)))
    for text in (shown.lower(), shown.casefold()):
        yield _IGNORED.sub("", unicodedata.normalize("NFKC", text))


def _a_labels(domain: str) -> str:
    labels = []
    for label in domain.rstrip(".").split("."):
        ascii_label = label if label.isascii() else "xn--" + label.encode("punycode").decode()
        labels.append(ascii_label.lower())
    found = ".".join(labels)
    if found and not _LDH.fullmatch(found):
        raise ValueError(domain)
    return found


def answer(request: Mapping[str, str], senders: Senders, now: int) -> str:
    """The action that Postfix is to take (access(5)).

    Args:
        request: the attributes. now: seconds since 1970 UTC.
    """
    sender = request.get("sender", "")
    if not sender:  # a bounce claims no domain
        return NOTHING
    context = request.get("policy_context", "sender")
    try:
        try:
            meant = list(domains(sender))
        except ValueError:
            return _ODD if context in _REFUSES else NOTHING
        if len(meant) > 1 and context not in _REFUSES:
            return NOTHING  # it cannot be told as whom
        told = [_told(context, domain, request, senders, now) for domain in meant or [""]]
        if len(meant) > 1:
            told = [one for one in told if not one.startswith("PREPEND ")]
        return next((one for one in told if one != NOTHING), NOTHING)
    except (OSError, ValueError, KeyError):
        return LATER


def _told(context: str, domain: str, request: Mapping[str, str], senders: Senders, now: int) -> str:
    entry = senders.entry(domain)
    if not entry:
        return NOTHING
    ends = dict(one.split("/") for one in entry["pins"].split(":")) if "pins" in entry else {}
    pins = [one for one, end in ends.items() if now <= int(end)]
    shown = request.get("ccert_fingerprint", "").replace(":", "").lower()
    verified = shown in pins
    if context == "relay":
        local = request.get("recipient", "").rpartition("@")[0]
        relays = verified and entry.get("relay") == "yes" and not _ROUTED.search(local)
        return "OK" if relays else NOTHING
    if verified and context == "data":
        told = f"{entry['peer']}; domain={domain}; certificate={shown}"
        return f"PREPEND {HEADER}-{senders.word()}: {told}"
    if verified and context == "log":
        return f"INFO trustctl: verified {entry['peer']}: certificate={shown}"
    if verified:
        return NOTHING
    allowed = _within(request.get("client_address", ""), entry.get("hosts", ""))
    if context == "log" and allowed:
        return "INFO trustctl: allowed, not verified"
    if context == "log":
        return "INFO trustctl: not verified, would be refused if it were required"
    if context not in _REFUSES or allowed or entry["mode"] == "offer":
        return NOTHING
    if not pins:
        return f"451 4.7.5 no certificate is trusted for {domain} now"
    if not request.get("encryption_protocol"):
        return f"550 5.7.10 TLS with a client certificate is needed to send as {domain}"
    return f"550 5.7.5 only a client with its certificate may send as {domain}"


def _within(address: str, networks: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
        return any(found in ipaddress.ip_network(one) for one in networks.split(";") if one)
    except ValueError:
        return False


def main() -> None:
    """Answer until Postfix has no more to ask."""
    senders = Senders(sys.argv[1])
    request: dict[str, str] = {}
    for line in sys.stdin.buffer:
        text = line.decode("utf-8", "replace").rstrip("\n")
        if text:
            name, _equals, value = text.partition("=")
            request[name] = value
            continue
        told = answer(request, senders, int(time.time()))
        sys.stdout.write(f"action={told}\n\n")
        sys.stdout.flush()
        request = {}


if __name__ == "__main__":
    main()
