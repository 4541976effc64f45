"""XMPP up to the handshake."""

from __future__ import annotations

import pytest

from tests.wire.said import GOOD, STREAM, begun, ended
from trustctl.facts.wire import Endpoint
from trustctl.wire.xmpp import Xmpp

_FEATURES, _PROCEED = GOOD["xmpp"]
_OFFER = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


@pytest.mark.parametrize(("port", "content"), [(5222, "client"), (5269, "server")])
def test_a_stream_is_opened_for_the_host(port: int, content: str) -> None:
    """As a client's, or on the servers' port as a server's; a name cannot end the attribute."""
    place = Endpoint("mx.foo.test'/><a b='", "127.0.0.1", port, "xmpp")
    said = Xmpp(place.host, place.port).opening().decode()
    assert f"xmlns='jabber:{content}' to='mx.foo.testab'" in said


@pytest.mark.parametrize(
    "features",
    [
        b"<stream:features>" + _OFFER + b"</stream:features>",
        b"<features xmlns='http://etherx.jabber.org/streams'>\n " + _OFFER + b"</features>",
        (
            b'<s:features><tls:starttls xmlns:tls="urn:ietf:params:xml:ns:xmpp-tls"><tls:required/>'
            b"</tls:starttls><m a='>'>EXTERNAL</m></s:features>"
        ),
    ],
)
def test_starttls_that_is_offered(features: bytes) -> None:
    """Whatever the prefixes, among whatever else."""
    assert begun("xmpp", STREAM).receive(features) == _OFFER


@pytest.mark.parametrize(
    "features",
    [
        b"<stream:features/>",
        b"<stream:features><mechanisms><mechanism>starttls</mechanism></mechanisms></stream:features>",
        b"<stream:features><starttls xmlns='urn:other'/></stream:features>",
        b"<stream:features><xstarttls a='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
        b"<stream:features><a starttls='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    ],
)
def test_starttls_that_is_not_offered(features: bytes) -> None:
    """Text and attributes offer nothing, nor does another namespace."""
    ended("xmpp", STREAM, features, outcome="not-offered", detail="it offers no STARTTLS")


def test_proceed_in_two_tags() -> None:
    """It is not finished before its end."""
    leading = begun("xmpp", _FEATURES, b"<proceed xmlns='a'>")
    assert not leading.ready
    leading.receive(b"</proceed>")
    assert leading.ready


@pytest.mark.parametrize(
    ("said", "outcome", "detail"),
    [
        ((b"<html>",), "garbled", "it speaks no XMPP"),
        ((b"* OK\r\n",), "garbled", "it speaks no XMPP"),
        ((b"<!DOCTYPE a [<!ENTITY b 'c'>",), "garbled", "it speaks no XMPP"),
        ((STREAM + b"<!-- -->",), "garbled", "it speaks no XMPP"),
        ((STREAM + b"<stream:error><a/></stream:error>",), "declined", "it ends the stream"),
        ((STREAM + b"</stream:stream>",), "declined", "it ends the stream"),
        ((_FEATURES, b"<failure xmlns='a'/>"), "declined", "it refuses STARTTLS"),
        ((_FEATURES, b"<success/>"), "garbled", "it answers out of place"),
        ((_FEATURES, b"<?xml version='1.0'?>"), "garbled", "it speaks no XMPP"),
    ],
)
def test_other_answers(said: tuple[bytes, ...], outcome: str, detail: str) -> None:
    """Each ends it; nothing is expanded."""
    ended("xmpp", *said, outcome=outcome, detail=detail)
