"""``trustctl add``: whatever form a certificate comes in, whoever it is said to belong to."""

from __future__ import annotations

import pytest

from tests import certs, odd
from tests.console import ANN, Console


def test_a_certificate_with_its_fingerprint_is_trusted(console: Console, foo: certs.Made) -> None:
    """The issue's first line works, and says whom it pinned, for what, and who says so."""
    file = console.write("peer.pem", foo.pem)
    ran = console(
        "add", file, "--peer", "foo", "--domain", "foo.test", "--fingerprint",
        certs.openssl("x509", "-noout", "-fingerprint", "-sha256", stdin=foo.pem).decode().strip(),
        "--vouched-by", ANN, "--via", "phone",
    )  # fmt: skip
    assert ran.out.splitlines()[0] == "added: foo, role host"
    assert f"vouched by   {ANN}" in ran.out
    assert ran.out.endswith("state        trusted\n")
    assert "foo.test" in ran.out
    assert not ran.err
    assert console.states() == {foo.fingerprint: "trusted"}
    assert console.db.stat().st_mode & 0o777 == 0o600
    assert console.db.parent.stat().st_mode & 0o777 == 0o700


def test_without_a_fingerprint_it_is_pending(console: Console, foo: certs.Made) -> None:
    """It is kept and listed, never exported, and the way on is shown."""
    ran = console("add", console.write("p.pem", foo.pem), "--peer", "foo", "--domain", "foo.test")
    assert "vouched by   nobody" in ran.out
    assert "trustctl vouch foo --fingerprint" in ran.err
    assert console.states() == {foo.fingerprint: "pending"}
    assert "foo.test" in console("list", "--pending").out
    console("export", "--to", str(console.target), "--format", "pem", "--yes")
    assert b"BEGIN" not in (console.target / "ca-certificates.crt").read_bytes()


@pytest.mark.parametrize("form", ["pem", "der", "crlf", "bom", "trusted", "utf-16", "s_client"])
def test_every_form_of_the_same_certificate(console: Console, foo: certs.Made, form: str) -> None:
    """PEM as mail programs mangle it, DER, and what openssl printed are the same certificate."""
    content = {
        "pem": foo.pem,
        "der": foo.der,
        "crlf": foo.pem.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + foo.pem,
        "trusted": certs.pem(foo.der, "TRUSTED CERTIFICATE"),
        "utf-16": foo.pem.decode().encode("utf-16"),
        "s_client": certs.s_client([foo]),
    }[form]
    console.pin(foo, "foo")
    ran = console("add", console.write("again", content), "--peer", "foo")
    assert ran.out.startswith("already there: foo")
    assert console.states() == {foo.fingerprint: "trusted"}
    ran = console("add", "-", "--peer", "foo", "--json", stdin=content)
    assert ran.json["fingerprint"] == foo.fingerprint
    assert ran.json["changed"] is False


def test_the_rest_of_what_was_presented_is_kept_and_trusted_for_nothing(console: Console) -> None:
    """Of s_client's whole text the first is the peer's, the issuers are its chain, unpinned."""
    authority = certs.authority("Some CA")
    leaf = certs.issue(authority, "mx.foo.test")
    file = console.write("s_client.txt", certs.s_client([leaf, authority]))
    console("add", file, "--peer", "foo", "--domain", "foo.test", "--fingerprint", leaf.fingerprint)
    (peer,) = console("show", "foo", "--json").json
    (pin,) = peer["pins"]
    assert pin["fingerprint"] == leaf.fingerprint
    assert pin["chain"] == [authority.fingerprint]
    console("export", "--to", str(console.target), "--format", "pem")
    bundle = (console.target / "ca-certificates.crt").read_text()
    assert bundle.count("BEGIN CERTIFICATE") == 1
    file = console.write("authority.pem", authority.pem)
    assert "refused" in console("check", "foo.test", "--certificate", file, code=1).out


def test_several_files_are_one_chain(console: Console) -> None:
    """The leaf in one file and its issuer in the next, one of them on standard input."""
    authority = certs.authority("Some CA")
    leaf = certs.issue(authority, "mx.foo.test")
    console("add", "-", console.write("ca.pem", authority.pem), "--peer", "foo", stdin=leaf.pem)
    (peer,) = console("show", "foo", "--json").json
    assert peer["pins"][0]["chain"] == [authority.fingerprint]
    console.fails("add", "-", "-", "--peer", "foo", code=2, stdin=leaf.pem)


def test_domains_in_any_spelling_are_stored_in_one(console: Console, foo: certs.Made) -> None:
    """Any case, U-labels, a trailing dot, repeats: lower-case A-labels, once each."""
    words = [
        word
        for one in ("FOO.Test", "foo.test.", "Bücher.Test", "XN--BCHER-KVA.test")
        for word in ("--domain", one)
    ]
    ran = console("add", console.write("p.pem", foo.pem), "--peer", "FOO", *words, "--json")
    assert ran.json["peer"] == "foo"
    assert ran.json["new_domains"] == ["foo.test", "xn--bcher-kva.test"]
    for one in ("FOO.test", "bücher.test", "xn--bcher-kva.TEST."):
        assert console("show", one, "--json").json[0]["peer"] == "foo"
        assert console("list", "--domain", one, "--json").json[0]["peer"] == "foo"


@pytest.mark.parametrize(
    "domain",
    ["foo", "", "*", "*.foo.test", "a b.test", "foo.test:25", "ann@foo.test", "192.0.2.1",
     "${run{/bin/id}}", "!foo.test", "foo.test\nbar.test", "lsearch;/etc/passwd", "-foo.test",
     "xn--a.test", "a" * 64 + ".test", "foo..test", "\u202efoo.test"],
)  # fmt: skip
def test_what_is_no_domain_is_refused(console: Console, foo: certs.Made, domain: str) -> None:
    """Nothing that an MTA could take for anything else gets in."""
    file = console.write("p.pem", foo.pem)
    console.fails("add", file, "--peer", "foo", "--domain", domain, code=2)
    console.fails("add", file, "--peer", "foo", "--mx", domain, code=2)


def test_a_domain_of_another_peer_is_refused(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """However it is spelt; its owner is named, nothing is stored; a free domain is taken."""
    console.pin(foo, "foo")
    file = console.write("bar.pem", bar.pem)
    ran = console.fails(
        "add", file, "--peer", "bar", "--domain", "bar.test", "--domain", "Foo.TEST", code=5
    )
    assert "foo.test" in ran.err
    assert "peer foo" in ran.err
    console("add", file, "--peer", "bar", "--domain", "bar.test")


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", "Foo Ltd", "ä", "a\nb", "-a", "x" * 64, "${x}"]
)
def test_what_is_no_peers_name_is_refused(console: Console, foo: certs.Made, name: str) -> None:
    """A peer's name stands in maps and comments: letters, digits, dot, hyphen, underscore."""
    console.fails("add", console.write("p.pem", foo.pem), "--peer", name, code=2)


def test_an_authority_has_to_be_one(console: Console, foo: certs.Made) -> None:
    """The role authority is for a CA; exactly this certificate is the default."""
    leaf = certs.self_signed("mx.foo.test", ca=False)
    file = console.write("leaf.pem", leaf.pem)
    ran = console.fails("add", file, "--peer", "foo", "--role", "authority", code=2)
    assert "CA:FALSE" in ran.err
    own = certs.authority("Foo's CA")
    ran = console(
        "add", console.write("ca.pem", own.pem), "--peer", "foo", "--domain", "foo.test",
        "--role", "authority", "--fingerprint", own.fingerprint,
    )  # fmt: skip
    assert ran.out.startswith("added: foo, role authority")
    assert console("list", "--json").json[0]["role"] == "authority"
    file = console.write("other.pem", foo.pem)
    console.fails("add", file, "--peer", "foo", "--role", "king", code=2)


def test_the_role_of_a_pin_does_not_change_by_itself(console: Console) -> None:
    """Adding a host's certificate again as an authority would widen it: refused."""
    own = certs.authority("Foo's CA")
    console.pin(own, "foo")
    file = console.write("ca.pem", own.pem)
    ran = console.fails("add", file, "--peer", "foo", "--role", "authority", code=5)
    assert "in the role host" in ran.err


def test_without_a_domain_it_protects_no_mail_and_says_so(
    console: Console, foo: certs.Made
) -> None:
    """The pin is in the bundle alone; the audit finds it."""
    file = console.write("p.pem", foo.pem)
    ran = console("add", file, "--peer", "foo", "--fingerprint", foo.fingerprint)
    assert "no --domain" in ran.err
    assert any("no domain" in one["what"] for one in console.any("audit", "--json").json)


def test_mx_hosts_are_kept(console: Console, foo: certs.Made) -> None:
    """Expected hosts are shown, lower-case, once each."""
    console.pin(foo, "foo", "--mx", "MX2.foo.test", "--mx", "mx1.foo.test", "--mx", "mx2.foo.test.")
    (peer,) = console("show", "foo", "--json").json
    assert peer["mx_hosts"] == ["mx1.foo.test", "mx2.foo.test"]
    assert "mx1.foo.test" in console("show", "foo").out


@pytest.mark.parametrize(
    ("form", "beside"),
    [("pem", False), ("pem", True), ("sec1", False), ("sec1", True), ("der", False)],
)
def test_a_private_key_is_refused_and_never_echoed(
    console: Console, foo: certs.Made, form: str, beside: bool
) -> None:
    """Alone or beside the certificate; not a byte of it is stored or shown."""
    secret = {
        "pem": foo.key_pem,
        "der": foo.key_der,
        "sec1": certs.openssl("ec", stdin=foo.key_pem),
    }[form]
    content = secret + foo.pem if beside else secret
    file = console.write("peer.pem", content)
    ran = console.fails("add", file, "--peer", "foo", "--fingerprint", foo.fingerprint, code=4)
    assert "PRIVATE KEY" in ran.err
    body = secret if form == "der" else b"".join(secret.splitlines()[1:-1])
    said = (ran.out + ran.err).encode()
    assert not any(body[at : at + 12] in said for at in range(len(body) - 12))


def test_a_peer_rolls_over_with_two_pins(console: Console, foo: certs.Made) -> None:
    """A second certificate of the same peer is trusted beside the first."""
    following = certs.self_signed("mx.foo.test")
    console.pin(foo, "foo")
    assert console.pin(following, "foo").out.startswith("added: foo")
    assert set(console.states().values()) == {"trusted"}
    assert len(console.states()) == 2


def test_a_key_that_two_peers_share_is_told(console: Console, foo: certs.Made) -> None:
    """Whoever has it is taken for both of them."""
    console.pin(foo, "foo")
    ran = console.pin(foo, "bar")
    assert "the peer foo has the same key" in ran.err


def test_a_distrusted_certificate_is_not_added_again(console: Console, foo: certs.Made) -> None:
    """Neither it nor another with its key, whoever vouches."""
    console.pin(foo, "foo")
    console("distrust", "foo", "--key", "--reason", "stolen", "--yes")
    file = console.write("again.pem", foo.pem)
    ran = console.fails("add", file, "--peer", "bar", "--fingerprint", foo.fingerprint, code=5)
    assert "stolen" in ran.err
    renewed = certs.self_signed("mx.foo.test", key=foo.key)
    console.fails("add", console.write("new.pem", renewed.pem), "--peer", "foo", code=5)


def test_what_was_read_only_in_part_is_kept_and_told(console: Console) -> None:
    """What no parser can read of it is said, now and in the list; its fingerprint names it."""
    never = certs.tlv(0x30, certs.tlv(0x17, b"some day"), certs.tlv(0x17, b"later"))
    made = odd.altered(certs.self_signed("mx.foo.test"), validity=never)
    ran = console.pin(made, "foo")
    assert "note: its not-after time cannot be read" in ran.err
    assert "its validity cannot be read" in console("show", "foo").out
    assert console.states() == {made.fingerprint: "unreadable"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"hello\n", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n", "cut off"),
        (b"-----BEGIN CERTIFICATE-----\nMI!B\n-----END CERTIFICATE-----\n", "base64"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n", "CSR"),
        (b"\0" * 5_000_000, "4 MiB"),
    ],
)
def test_what_is_no_certificate_is_refused(console: Console, content: bytes, said: str) -> None:
    """With one line that says what it is instead."""
    assert said in console.fails("add", console.write("x", content), "--peer", "x", code=4).err


def test_files_that_cannot_be_read(console: Console) -> None:
    """Missing, a folder, a device: named, and nothing is stored."""
    for file, said in (
        ("missing.pem", "no such file"),
        (str(console.folder), "is a directory"),
        ("/dev/zero", "is a device"),
    ):
        assert said in console.fails("add", file, "--peer", "x", code=4).err


@pytest.mark.parametrize("expires", ["2001-01-01", "0s", "tomorrow", "", "9999999y", "2027-13-01"])
def test_a_vouch_that_has_ended_or_has_no_time_is_refused(
    console: Console, foo: certs.Made, expires: str
) -> None:
    """--expires takes a time to come, and says how it is typed."""
    ran = console.fails(
        "add", console.write("p.pem", foo.pem), "--peer", "foo", "--fingerprint",
        foo.fingerprint, "--expires", expires, code=2,
    )  # fmt: skip
    assert "2027-" in ran.err


def test_an_expiring_vouch_ends(console: Console, foo: certs.Made) -> None:
    """Trusted until then, and no longer."""
    console.pin(foo, "foo", "--expires", "10d", "--note", "while Bob is away")
    assert console.states("--at", "+9d") == {foo.fingerprint: "trusted"}
    assert console.states("--at", "+11d") == {foo.fingerprint: "unvouched"}
    assert "while Bob is away" in console("show", "foo").out


def test_what_is_not_trusted_is_told_at_once(console: Console) -> None:
    """Vouched for, and yet expired or weak: the answer says so, not only the export."""
    ended = certs.self_signed("mx.foo.test", not_before=1_500_000_000)
    ran = console.pin(ended, "foo")
    assert "state        expired" in ran.out
    assert "note: not trusted: expired 2017-" in ran.err
    weak = certs.self_signed("mx.foo.test", key="rsa1024")
    ran = console.pin(weak, "foo", "--json")
    assert ran.json["state"] == "weak"
    assert ran.json["reasons"][0]["code"] == "weak-key"
