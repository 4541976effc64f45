"""MTA-STS: whether a domain's policy lists the hosts that DNS gives for it (RFC 8461).

It is evidence of the hosts' names, not of their certificates: the policy comes over HTTPS from a
server that a public CA vouches for, so whoever spoofs MX records does not write it.
"""

from __future__ import annotations

import asyncio
import functools
import http.client
import io
import os
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from trustctl.errors import UsageError
from trustctl.facts.names import parse_host
from trustctl.facts.text import printable
from trustctl.facts.wire import Testimony, Verdict

Mode = Literal["enforce", "testing", "none"]

_PORT = 443
_BODY_LIMIT = 64 << 10  # RFC 8461, 3.3
_ANSWER_LIMIT = _BODY_LIMIT + (32 << 10)
_ADDRESSES_LIMIT = 4
_PATTERNS_LIMIT = 200
_SHOWN = 60
_RECORD = re.compile(rb"v=STSv1[ \t]*;", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)


class Names(Protocol):
    """What is asked of DNS: :class:`trustctl.wire.resolver.Resolver`."""

    async def texts(self, name: str) -> tuple[tuple[bytes, ...], str]:
        """The TXT records of a name; why it is not known whether there are any."""

    async def addresses(self, name: str) -> tuple[tuple[str, ...], str]:
        """The addresses of a name; why they are not known."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A domain's policy. ``patterns``: of the hosts' names; ``id``: of the TXT record."""

    mode: Mode
    patterns: tuple[str, ...]
    id: str


async def policy(
    domain: str,
    mx_hosts: Sequence[str],
    resolver: Names,
    *,
    may_dial: Callable[[str], bool],
    roots: str | None = None,
    timeout_seconds: float = 10.0,
    port: int = _PORT,
) -> Testimony:
    """What a domain's policy says of the hosts of its MX records. Never raises for what is said.

    Args:
        may_dial: of an address that DNS gives for the policy's server.
        roots: the public CAs' certificates in PEM; None: those of the system.
        timeout_seconds: for all of it.
    """
    found = await read(
        domain, resolver, may_dial=may_dial, roots=roots, timeout_seconds=timeout_seconds, port=port
    )
    return found if isinstance(found, Testimony) else judge(found, mx_hosts)


def judge(policy: Policy, mx_hosts: Sequence[str]) -> Testimony:
    """Whether the hosts' names match the policy (RFC 8461, 4.1)."""
    about = f'MTA-STS policy {policy.id}, mode "{policy.mode}"'
    if policy.mode == "none":
        return _say("absent", f"{about}: it lists no host")
    if not mx_hosts:
        return _say("inconclusive", f"{about}, and no host to compare it with")
    missing = [one for one in mx_hosts if not any(_matches(one, it) for it in policy.patterns)]
    if not missing:
        return _say("supports", f"{about}, lists {printable(', '.join(mx_hosts), 120)}")
    verdict: Verdict = "contradicts" if policy.mode == "enforce" else "inconclusive"
    return _say(verdict, f"{about}, does not list {printable(', '.join(missing), 120)}")


async def read(
    domain: str,
    resolver: Names,
    *,
    may_dial: Callable[[str], bool],
    roots: str | None = None,
    timeout_seconds: float = 10.0,
    port: int = _PORT,
) -> Policy | Testimony:
    """A domain's policy; else the testimony that there is none, or that it cannot be known.

    Args:
        as of :func:`policy`.
    """
    why = "it took too long"
    try:
        async with asyncio.timeout(timeout_seconds):
            found = await _locate(domain, resolver, may_dial)
            if isinstance(found, Testimony):
                return found
            identity, host, addresses = found
            connect_seconds = timeout_seconds / (len(addresses) + 1)
            answer = await _get(host, addresses, port, _context(roots), connect_seconds)
        return read_answer(answer, identity)
    except ssl.SSLCertVerificationError as error:
        why = f"its server's certificate is not accepted: {error.verify_message}"
    except ssl.SSLError as error:
        why = f"TLS failed: {error.reason}"
    except ValueError as error:
        why = str(error)
    except TimeoutError:
        pass
    except OSError as error:
        # asyncio's own text would say where, not why
        why = os.strerror(error.errno).lower() if error.errno else type(error).__name__
    return _say("inconclusive", f"the MTA-STS policy cannot be read: {printable(why, 120)}")


async def _locate(
    domain: str, resolver: Names, may_dial: Callable[[str], bool]
) -> tuple[str, str, list[str]] | Testimony:
    """The id of the record (RFC 8461, 3.1), and the policy's server with its addresses."""
    records, problem = await resolver.texts(f"_mta-sts.{domain}")
    if problem:
        return _say("inconclusive", f"the MTA-STS record cannot be looked up: {problem}")
    ours = [one for one in records if _RECORD.match(one)]
    if not ours:
        return _say("absent", "no MTA-STS policy")
    identity = _identity(ours[0])
    if len(ours) > 1 or identity is None:
        return _say(
            "inconclusive", "the MTA-STS record is malformed, or there are several (RFC 8461, 3.1)"
        )
    host = f"mta-sts.{domain}"
    addresses, problem = await resolver.addresses(host)
    if not addresses:
        return _say(
            "inconclusive", f"{printable(host, _SHOWN)} has no address{problem and f': {problem}'}"
        )
    dialled = [one for one in addresses if may_dial(one)][:_ADDRESSES_LIMIT]
    if not dialled:
        return _say(
            "inconclusive",
            f"{printable(host, _SHOWN)} leads to {addresses[0]}, which may not be dialled",
        )
    return identity, host, dialled


def _context(roots: str | None) -> ssl.SSLContext:
    return _contexts(roots, os.stat(roots).st_mtime_ns if roots else 0)


@functools.lru_cache(maxsize=4)
def _contexts(roots: str | None, _modified: int) -> ssl.SSLContext:
    """Loading a hundred roots takes longer than a handshake."""
    context = ssl.create_default_context(cafile=roots)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8461, 3.3; RFC 8996
    return context


async def _get(
    host: str,
    addresses: Sequence[str],
    port: int,
    context: ssl.SSLContext,
    connect_seconds: float,
) -> bytes:
    """All that the server answers, up to a limit; nothing is followed anywhere."""
    problem: OSError = OSError("no address")
    for address in addresses:
        try:
            async with asyncio.timeout(connect_seconds):
                reader, writer = await asyncio.open_connection(
                    address, port, ssl=context, server_hostname=host
                )
        except OSError as error:
            problem = error
            continue
        try:
            writer.write(
                f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\n"
                "Accept: text/plain\r\nUser-Agent: trustctl\r\nConnection: close\r\n\r\n".encode()
            )
            answer = bytearray()
            while part := await reader.read(_ANSWER_LIMIT):
                answer += part
                if len(answer) > _ANSWER_LIMIT:
                    raise ValueError(f"more than {_ANSWER_LIMIT >> 10} KiB")
            return bytes(answer)
        finally:
            writer.transport.abort()
    raise problem


class _Received:
    """What was received, as the standard library's parser of HTTP takes it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        """The bytes as a file."""
        assert mode == "rb"  # noqa: S101
        return io.BytesIO(self._data)


def read_answer(answer: bytes, identity: str) -> Policy:
    """The policy in all that an HTTP server answered.

    Raises:
        ValueError: there is none.
    """
    return _parse(_body(answer), identity)


def _body(answer: bytes) -> bytes:
    """The policy's text (RFC 8461, 3.3: redirects are not followed).

    Raises:
        ValueError: it is no such answer.
    """
    response = http.client.HTTPResponse(_Received(answer), method="GET")  # type: ignore[arg-type]
    try:
        response.begin()
        if 300 <= response.status < 400:
            raise ValueError(f"HTTP {response.status}: redirects are not followed")
        if response.status != 200:
            raise ValueError(f"HTTP {response.status}")
        kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        if kind != "text/plain":
            raise ValueError(f"it is {printable(kind, 40)!r}, not text/plain")
        body = response.read(_BODY_LIMIT + 1)
    except (http.client.HTTPException, OSError) as error:
        raise ValueError(f"no HTTP answer ({type(error).__name__})") from None
    if len(body) > _BODY_LIMIT:
        raise ValueError(f"more than {_BODY_LIMIT >> 10} KiB")
    if response.length:
        raise ValueError("the answer is cut off")
    return body


def _parse(body: bytes, identity: str) -> Policy:
    """RFC 8461, 3.2: of repeated fields the first counts, but ``mx``.

    Raises:
        ValueError: it is no policy.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in re.split("\r?\n", text):
        if not line.strip():
            continue
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            raise ValueError("a line without a colon")
        if key == "mx":
            patterns.append(_pattern(value))
        else:
            fields.setdefault(key, value)
    if fields.get("version") != "STSv1":
        raise ValueError("its version is not STSv1")
    mode = fields.get("mode")
    if mode not in ("enforce", "testing", "none"):
        raise ValueError("its mode is none of enforce, testing, none")
    if not re.fullmatch(r"\d{1,10}", fields.get("max_age", ""), re.ASCII):
        raise ValueError("it has no max_age")
    if mode != "none" and not patterns:
        raise ValueError("it lists no host")
    if len(patterns) > _PATTERNS_LIMIT:
        raise ValueError(f"it lists more than {_PATTERNS_LIMIT} hosts")
    return Policy(mode, tuple(dict.fromkeys(patterns)), identity)  # type: ignore[arg-type]


def _pattern(value: str) -> str:
    try:
        name = parse_host(value.removeprefix("*."))
    except UsageError:
        raise ValueError(f"{printable(value, _SHOWN)!r} is no host") from None
    return f"*.{name}" if value.startswith("*.") else name


def _matches(host: str, pattern: str) -> bool:
    """A wildcard stands for one whole label, the first (RFC 8461, 4.1; RFC 6125, 6.4.3)."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern


def _identity(record: bytes) -> str | None:
    """RFC 8461, 3.1."""
    for field in record.decode("ascii", "replace").split(";")[1:]:
        key, equals, value = field.partition("=")
        if key.strip() == "id" and equals:
            return value.strip() if _ID.fullmatch(value.strip()) else None
    return None


def _say(verdict: Verdict, detail: str) -> Testimony:
    return Testimony("mta-sts", verdict, detail)
