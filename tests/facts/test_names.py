"""Names as people type them: one form of each is kept, none that means something elsewhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustctl.errors import UsageError
from trustctl.facts.names import (
    covers,
    parse_channel,
    parse_domain,
    parse_host,
    parse_note,
    parse_peer_name,
    parse_reason,
    parse_voucher,
    propose_domain,
    propose_peer_name,
    propose_peer_name_of_file,
    voucher_key,
)

LDH = re.compile(r"[a-z0-9.-]{3,253}", re.ASCII)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("foo.test", "foo.test"),
        ("FOO.Test", "foo.test"),
        (" foo.test. ", "foo.test"),
        ("a.b", "a.b"),
        ("1st-mail.foo.test", "1st-mail.foo.test"),
        ("münchen.test", "xn--mnchen-3ya.test"),
        ("MÜNCHEN.TEST", "xn--mnchen-3ya.test"),
        ("mu\N{COMBINING DIAERESIS}nchen.test", "xn--mnchen-3ya.test"),
        ("XN--mnchen-3ya.test", "xn--mnchen-3ya.test"),
        ("straße.test", "xn--strae-oqa.test"),
        ("例え\N{IDEOGRAPHIC FULL STOP}テスト", "xn--r8jz45g.xn--zckzah"),
        ("\N{FULLWIDTH LATIN SMALL LETTER F}oo.test", "foo.test"),
        (f"{'a' * 63}.test", f"{'a' * 63}.test"),
        (".".join(["a" * 49] * 5) + ".abc", ".".join(["a" * 49] * 5) + ".abc"),
    ],
)
def test_a_domain_has_one_form(text: str, domain: str) -> None:
    """Any case, IDN (UTS 46) and a trailing dot come to the same lower-case A-labels; what was kept
    is read again as itself."""
    assert parse_domain(text) == parse_host(text) == domain
    assert parse_domain(domain) == domain


HOSTILE = [
    "", ".", "..", "foo", "foo.", "foo..test", ".foo.test", "foo.test..", "-foo.test", "foo-.test",
    "foo_bar.test", "foo bar.test", "foo.test\nbar.test", "foo.test\0", "\x1b[2J.test",
    "${run{/bin/true}}.test", "foo.test:bar.test", "foo.test;bar.test", "!foo.test", "#foo.test",
    "^foo.test", "@", "@[]", "*", "*.foo.test", "lsearch;/etc/passwd", "<; a;b", "foo.test\\",
    "foo.test|x", "../../etc.test", "/etc/x.test", "a" * 64 + ".test", ".".join(["a" * 62] * 5),
    "192.0.2.1", "[192.0.2.1]", "2001:db8::1", "foo.1", "\N{FULLWIDTH DIGIT ONE}.2.3.4",
    "xn--.test", "xn--a.test", "xn--zzzzzzzz.test", "xn--foo-.test",
    "xn--mnchen-3ya\N{SOFT HYPHEN}",
    "foo\N{RIGHT-TO-LEFT OVERRIDE}.test", "foo\N{ZERO WIDTH JOINER}.test", "\ud800.test",
    "☃\N{LINE SEPARATOR}.test", "أa.test", "foo\N{DIVISION SLASH}etc.test", "münchen", "foo,test.x",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_domain_is_refused(text: str) -> None:
    """Whatever means something to Exim, Postfix, a shell or a path, and whatever only looks like a
    domain; with a hint, and nothing hostile echoed raw."""
    for parse in (parse_domain, parse_host):
        with pytest.raises(UsageError) as caught:
            parse(text)
        assert caught.value.hint
        assert not re.search("[\0\x1b\n\u202e\u2028\ud800]", caught.value.message)


def test_an_address_is_told_apart() -> None:
    """A mail address and an IP address get a hint of their own."""
    with pytest.raises(UsageError, match="is an address, not a domain") as caught:
        parse_domain("ann@foo.test")
    assert caught.value.hint == "type the part after the @"
    with pytest.raises(UsageError, match="is an address, not a host name"):
        parse_host("192.0.2.1")


@given(st.text(max_size=80) | st.from_regex(r"[a-zA-Z0-9.-]{1,80}"))
def test_a_domain_is_ldh_or_refused(text: str) -> None:
    """No other outcome, and the kept form is stable."""
    try:
        found = parse_domain(text)
    except UsageError:
        return
    assert LDH.fullmatch(found)
    assert parse_domain(found) == found
    assert all(len(one) <= 63 and one[0] != "-" != one[-1] for one in found.split("."))


@pytest.mark.parametrize(
    ("text", "name"),
    [("foo", "foo"), (" Foo ", "foo"), ("a.b_c-1", "a.b_c-1"), ("9" * 63, "9" * 63)],
)
def test_a_peers_name(text: str, name: str) -> None:
    """Lower case, and short."""
    assert parse_peer_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "-foo", "_foo", ".foo", "foo bar", "a/b", "a\nb", "a\0", "${x}",
     "f\N{SOFT HYPHEN}o",
     "münchen", "9" * 64, "foo=bar", "foo#", "\x1b", "foo\N{RIGHT-TO-LEFT OVERRIDE}", "İ"],
)  # fmt: skip
def test_what_is_no_peers_name(text: str) -> None:
    """Safe in a configuration, a comment and a file name, or refused."""
    with pytest.raises(UsageError, match="is not a peer's name") as caught:
        parse_peer_name(text)
    assert not re.search("[\0\x1b\n\u202e]", caught.value.message)


@pytest.mark.parametrize(
    ("names", "domain", "peer"),
    [
        (("mx.foo.test",), "foo.test", "foo"),
        (("foo.test",), "foo.test", "foo"),
        (("*.foo.test",), "foo.test", "foo"),
        (("MX1.Mail.Foo.Test.",), "mail.foo.test", "mail"),
        (("192.0.2.1", "${run{x}}", "", "localhost", "mx.foo.test"), "foo.test", "foo"),
        (("xn--mnchen-3ya.test",), "xn--mnchen-3ya.test", "xn--mnchen-3ya"),
        (("2001:db8::1", "\x1b.foo.test"), None, None),
        ((), None, None),
    ],
)
def test_what_is_proposed_for_a_certificate(
    names: tuple[str, ...], domain: str | None, peer: str | None
) -> None:
    """The first name that is a host's; hostile ones are passed over. It is valid as it stands."""
    assert (propose_domain(names), propose_peer_name(names)) == (domain, peer)
    if domain is not None and peer is not None:
        assert (parse_domain(domain), parse_peer_name(peer)) == (domain, peer)


@pytest.mark.parametrize(
    ("file", "peer"),
    [
        ("partner.crt", "partner"),
        ("/etc/exim4/Partner_1.PEM", "partner_1"),
        ("mx.foo.test.crt", "foo"),
        ("foo.test.pem", "foo"),
        ("b.x/foo.der", "foo"),
        ("3f2a91c4.0", None),
        ("-", None),
        ("no ending", None),
        ("two words.crt", None),
        ("$(id).crt", None),
        ("\x1b[31m.pem", None),
        (".crt", None),
        ("x" * 64 + ".crt", None),
        ("\udcff.crt", None),
    ],
)
def test_what_is_proposed_for_a_file(file: str, peer: str | None) -> None:
    """Its name without the ending, where a peer could be called so; a hashed name says nothing."""
    assert propose_peer_name_of_file(file) == peer


@pytest.mark.parametrize(
    "text",
    [
        "Ann <ann@bar.test>",
        "Ann Example <ANN@Bar.TEST>",
        "<ann@bar.test>",
        "ann@bar.test",
        "  Ann   <ann@bar.test> ",
        "Ann (ann@bar.test)",
        "Ann, ann@bar.test",
        "Ann <ann@bar.test",
        "Ann < ann@bar.test >",
        "Ann <mailto:ann@bar.test>",
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}nn <ann@bar.test.>",
        "Bob (was bob@bar.test) <ann@bar.test>",
    ],
)
def test_one_voucher_however_spelt(text: str) -> None:
    """The mail address decides: one person is not two by a change of spelling."""
    assert voucher_key(text) == "ann@bar.test"


def test_a_voucher_without_an_address() -> None:
    """The name decides, without regard to case, width and spacing; other names are others."""
    keys = {
        voucher_key(one)
        for one in ("Ann  Example", "ann example", "A\N{FULLWIDTH LATIN SMALL LETTER N}N Example ")
    }
    assert keys == {"ann example"}
    assert voucher_key("Bob Example") not in keys
    assert voucher_key("Ann <bob@bar.test>") != voucher_key("Ann <ann@bar.test>")


INVISIBLE = [
    "Ann\nBob", "Ann\x1b[2J", "Ann\0", "Ann\N{ZERO WIDTH SPACE}", "\N{RIGHT-TO-LEFT OVERRIDE}nnA",
    "Ann\N{LINE SEPARATOR}Bob", "Ann\ud800", "Ann\N{HANGUL FILLER}",
    "Ann\N{COMBINING GRAPHEME JOINER}",
]  # fmt: skip


@pytest.mark.parametrize("text", INVISIBLE)
@pytest.mark.parametrize("parse", [parse_voucher, parse_note, parse_reason])
def test_no_line_holds_what_cannot_be_seen(parse: object, text: str) -> None:
    """Two vouchers never look the same and count as two; no line forges another."""
    assert callable(parse)
    with pytest.raises(UsageError, match="may not hold control or invisible characters") as caught:
        parse(text)
    assert not re.search("[\0\x1b\n\u202e\u2028\ud800]", caught.value.message)


def test_lines_of_text() -> None:
    """Trimmed, composed, bounded; a note may be empty, a reason and a voucher may not."""
    assert parse_voucher(" Änn <ann@bar.test> ") == "Änn <ann@bar.test>"
    assert parse_note("A\N{COMBINING DIAERESIS}") == "Ä"
    assert parse_note("  ") == ""
    assert parse_reason(" key stolen ") == "key stolen"
    assert len(parse_note("x" * 2000)) == 2000
    for parse, text, message in (
        (parse_voucher, "", "a person's name may not be empty"),
        (parse_voucher, "x" * 201, "may have 200 characters, this one has 201"),
        (parse_note, "x" * 2001, "a note may have 2000 characters"),
        (parse_reason, " \t", "a reason may not be empty"),
        (parse_reason, "x" * 2001, "a reason may have 2000 characters"),
    ):
        with pytest.raises(UsageError, match=message):
            parse(text)


@pytest.mark.parametrize(
    ("text", "channel"),
    [("phone", "phone"), (" In-Person ", "in-person"), ("signed  mail", "signed mail"),
     ("a/b+c", "a/b+c")],
)  # fmt: skip
def test_a_channel(text: str, channel: str) -> None:
    """A few plain words, lower-case."""
    assert parse_channel(text) == channel


@pytest.mark.parametrize(
    "text", ["", " ", "x" * 61, "phone!", "ph\x1bone", "téléphone", "-x", "a=b"]
)
def test_what_is_no_channel(text: str) -> None:
    """Refused with some that are."""
    with pytest.raises(UsageError, match="a few plain words are meant") as caught:
        parse_channel(text)
    assert "phone" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "host", "is_one"),
    [
        ("mx.foo.test", "mx.foo.test", True),
        ("MX.FOO.TEST.", "mx.foo.test", True),
        ("*.foo.test", "mx.foo.test", True),
        ("*.foo.test", "xn--mx-xka.foo.test", True),
        ("*.foo.test", "foo.test", False),
        ("*.foo.test", "a.mx.foo.test", False),
        ("*.foo.test", "*.foo.test", True),
        ("*.test", "foo.test", False),
        ("*", "mx.foo.test", False),
        ("m*.foo.test", "mx.foo.test", False),
        ("mx.*.test", "mx.foo.test", False),
        ("*.*.test", "mx.foo.test", False),
        ("mx.foo.test", "mx2.foo.test", False),
        ("foo.test", "mx.foo.test", False),
        ("mx.foo.test\0.evil.test", "mx.foo.test", False),
        (" mx.foo.test", "mx.foo.test", False),
        ("mx.foo.test..", "mx.foo.test", False),
        ("", "mx.foo.test", False),
        ("münchen.test", "xn--mnchen-3ya.test", False),
        ("xn--mnchen-3ya.test", "xn--mnchen-3ya.test", True),
        # its lower case is an ASCII k
        ("\N{KELVIN SIGN}x.foo.test", "kx.foo.test", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("*.0.2.1", "192.0.2.1", False),
        ("2001:db8::1", "2001:db8::1", True),
        ("*.foo.test", "2001:db8::1", False),
    ],
)
def test_a_certificate_is_for_the_hosts_that_it_names(name: str, host: str, is_one: bool) -> None:
    """A wildcard stands for one whole first label, never for more, and never in an address."""
    assert covers([name], host) is is_one
    assert covers(["other.test", name], host) is is_one


def test_a_certificate_without_names_is_for_no_host() -> None:
    """Not for any."""
    assert not covers([], "mx.foo.test")
