"""Trust stores read back: bundles, folders and the system's, as the usual tools make them."""

from __future__ import annotations

import ctypes
import hashlib
import os
from pathlib import Path

import pytest

from tests import certs
from tests.certs import Made
from tests.tools import output, require
from trustctl.errors import InputError
from trustctl.facts.store import Place, Store
from trustctl.intake.stores import LIMIT, LIMIT_BYTES, USUAL, read_store, store_facts


def read(path: Path | str, *, deep: bool = False) -> Store:
    """The store's facts."""
    return store_facts(read_store(str(path), deep=deep))


def prints(store: Store) -> list[str]:
    """The fingerprints in it, in order."""
    return [one.certificate.fingerprint for one in store.certificates]


@pytest.fixture
def pair(foo: Made, bar: Made) -> list[str]:
    """The fingerprints of foo and bar."""
    return [foo.fingerprint, bar.fingerprint]


def pkcs7(folder: Path, *made: Made, form: str) -> bytes:
    """What openssl makes of these certificates."""
    joined = folder / "joined.txt"
    joined.write_bytes(b"".join(one.pem for one in made))
    return certs.openssl("crl2pkcs7", "-nocrl", "-certfile", str(joined), "-outform", form)


@pytest.mark.parametrize(
    "form", ["plain", "text", "trusted", "crlf", "utf-16", "pkcs7", "pkcs7 der", "between"]
)
def test_a_bundle_of_every_form(
    tmp_path: Path, foo: Made, bar: Made, pair: list[str], form: str
) -> None:
    """As OpenSSL and GnuTLS make them, with their text between, and as mail programs mangle it."""
    both = foo.pem + bar.pem
    file = tmp_path / "store"
    match form:
        case "text":
            require("certtool")
            both = b"".join(output("certtool", "-i", stdin=one.pem) for one in (foo, bar))
            assert b"Public Key" in both
        case "trusted":
            words = ("x509", "-trustout", "-addtrust", "serverAuth", "-setalias", "x")
            both = b"".join(certs.openssl(*words, stdin=one.pem) for one in (foo, bar))
            assert both.count(b"BEGIN TRUSTED CERTIFICATE") == 2
        case "crlf":
            both = both.replace(b"\n", b"\r\n")
        case "utf-16":
            both = both.decode().encode("utf-16")
        case "pkcs7":
            both = pkcs7(tmp_path, foo, bar, form="PEM")
        case "pkcs7 der":
            both = pkcs7(tmp_path, foo, bar, form="DER")
        case "between":
            request = certs.request("mx.foo.test")
            both = b"# foo\n" + foo.pem + request + b"-- bar --\0\xff\n" + bar.pem + b"the end"
    file.write_bytes(both)
    store = read(file)
    assert sorted(prints(store)) == sorted(pair)
    assert (store.files, store.unread, store.keys) == (1, (), ())


def test_der_and_nothing(tmp_path: Path, foo: Made) -> None:
    """One certificate in DER is a store; so is an empty file, an empty folder, and text."""
    (tmp_path / "one").write_bytes(foo.der)
    store = read(tmp_path / "one")
    assert prints(store) == [foo.fingerprint]
    assert store.certificates[0].place == Place(str(tmp_path / "one"))
    (tmp_path / "two").write_bytes(b" \n")
    assert read(tmp_path / "two") == Store(str(tmp_path / "two"), 1)
    (tmp_path / "folder").mkdir()
    assert read(tmp_path / "folder") == Store(str(tmp_path / "folder"), 0)
    (tmp_path / "three").write_bytes(b"no certificates here\n")
    assert [one.why for one in read(tmp_path / "three").unread] == ["this is no certificate"]


def test_what_cannot_be_read_is_named_and_hides_nothing(
    tmp_path: Path, foo: Made, bar: Made, pair: list[str]
) -> None:
    """Each with its line; the certificates before, between and after are there."""
    lines = foo.pem.splitlines(keepends=True)
    cut, headless = b"".join(lines[:-1]), b"".join(lines[1:])
    parts = [foo.pem, certs.pem(b"0\x03abc"), cut, bar.pem, headless,
             b"".join([lines[0], b"!!!\n", *lines[2:]]), bar.pem, b"tail\n", headless]  # fmt: skip
    (tmp_path / "store").write_bytes(b"".join(parts))
    starts = [1 + sum(one.count(b"\n") for one in parts[:at]) for at in range(len(parts))]
    store = read(tmp_path / "store")
    assert prints(store) == pair
    assert [(one.place.line, one.why) for one in store.unread] == [
        (starts[1], "this is no certificate"),
        (starts[2], "the PEM block has no end: it was cut off"),
        (starts[5], "a PEM block before this line has no beginning"),
        (starts[5], "the PEM block is not base64: it was altered on its way"),
        (starts[6], "a PEM block after this line has no beginning"),
    ]
    assert [one.place.line for one in store.certificates] == [starts[0], starts[3]]
    assert [str(one) for one in store.certificates[1].repeats] == [
        f"{tmp_path / 'store'}, line {starts[6]}"
    ]


@pytest.mark.parametrize("form", ["before", "after", "der", "mislabelled"])
def test_a_private_key_is_named_and_not_kept(tmp_path: Path, foo: Made, form: str) -> None:
    """Wherever it stands; no byte of it is in what was read."""
    content = {
        "before": foo.key_pem + foo.pem,
        "after": foo.pem + foo.key_pem,
        "der": foo.key_der,
        "mislabelled": foo.pem + certs.pem(foo.key_der),
    }[form]
    (tmp_path / "store").write_bytes(content)
    found = read_store(str(tmp_path / "store"))
    assert len(found.keys) == 1
    assert [one.der for one in found.held] == ([] if form == "der" else [foo.der])
    assert not found.unread
    assert foo.key_der[-40:].hex() not in repr(found)


@pytest.mark.parametrize("tool", ["openssl rehash", "c_rehash"])
def test_a_folder_of_hashed_names(tmp_path: Path, foo: Made, bar: Made, tool: str) -> None:
    """As OpenSSL's tools make it, links and all: each certificate once, by its own file's name."""
    require(tool.split()[0])
    for name, made in (("foo.pem", foo), ("bar.pem", bar)):
        (tmp_path / name).write_bytes(made.pem)
    output(*tool.split(), str(tmp_path))
    links = [one for one in tmp_path.iterdir() if one.is_symlink()]
    assert len(links) >= 2  # c_rehash makes those of the old hash too
    assert certs.openssl("verify", "-CApath", str(tmp_path), str(tmp_path / "foo.pem"))
    store = read(tmp_path)
    assert prints(store) == [bar.fingerprint, foo.fingerprint]
    assert [one.place.file for one in store.certificates] == [
        str(tmp_path / "bar.pem"), str(tmp_path / "foo.pem"),
    ]  # fmt: skip
    assert store.files == 2
    assert not any(one.repeats for one in store.certificates)
    for link in links:  # where there are no links, the tools copy
        content = link.read_bytes()
        link.unlink()
        link.write_bytes(content)
    store = read(tmp_path)
    assert prints(store) == [bar.fingerprint, foo.fingerprint]
    assert not any(one.repeats for one in store.certificates)
    (tmp_path / "foo.pem").unlink()
    assert prints(read(tmp_path)) == [bar.fingerprint, foo.fingerprint]


def test_what_of_a_folder_is_looked_at(tmp_path: Path, foo: Made, bar: Made) -> None:
    """A bundle beside its parts is no repeat, two files of one certificate are; what is called a
    certificate and is no file is named; what is called otherwise and is none is passed over."""
    for name in ("a.CRT", "b.cer"):
        (tmp_path / name).write_bytes(foo.pem)
    (tmp_path / "bar.der").write_bytes(bar.der)
    (tmp_path / "all.pem").write_bytes(foo.pem + bar.pem)
    (tmp_path / "gone.pem").symlink_to(tmp_path / "absent")
    (tmp_path / "loop.pem").symlink_to(tmp_path / "loop.pem")
    os.mkfifo(tmp_path / "pipe.pem")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "absent")
    (tmp_path / "README").write_bytes(b"-----BEGIN CERTIFICATE-----\nis how one begins\n")
    (tmp_path / "0123abcd.r0").write_bytes(certs.pem(b"0\0", "X509 CRL"))
    (tmp_path / "foo.key").write_bytes(foo.key_pem)
    (tmp_path / "folder.pem").mkdir()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "other.crt").write_bytes(certs.self_signed("mx.deep.test").pem)
    (tmp_path / "deeper" / "notes").write_bytes(certs.self_signed("mx.notes.test").pem)
    (tmp_path / "deeper" / "up").symlink_to(tmp_path)
    store = read(tmp_path)
    assert sorted(prints(store)) == sorted([foo.fingerprint, bar.fingerprint])
    assert (store.files, store.keys) == (4, ())
    assert [(Path(one.place.file).name, one.why) for one in store.unread] == [
        ("gone.pem", "a link that leads nowhere"),
        ("loop.pem", "a link that leads nowhere"),
        ("pipe.pem", "no regular file"),
    ]
    places = {one.certificate.fingerprint: one for one in store.certificates}
    assert [Path(one.file).name for one in places[foo.fingerprint].repeats] == ["b.cer"]
    assert Path(places[foo.fingerprint].place.file).name == "a.CRT"
    assert not places[bar.fingerprint].repeats
    assert len(prints(read(tmp_path, deep=True))) == 3


def test_all_that_gnutls_would_trust_is_seen(tmp_path: Path, foo: Made) -> None:
    """GnuTLS, and with it Debian's Exim, takes every file of a folder, hidden or called anything:
    as many as the library itself loads, this finds."""
    for at, name in enumerate(("a.pem", "README", ".hidden", "x.txt", "foo.key", "b.crt~")):
        (tmp_path / name).write_bytes(certs.self_signed(f"mx{at}.test").pem)
    (tmp_path / "link").symlink_to(tmp_path / "sub" / "elsewhere")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "elsewhere").write_bytes(foo.pem)
    try:
        library = ctypes.CDLL("libgnutls.so.30")
    except OSError:
        require("libgnutls.so.30")
    store = ctypes.c_void_p()
    assert library.gnutls_certificate_allocate_credentials(ctypes.byref(store)) == 0
    loaded = library.gnutls_certificate_set_x509_trust_dir(store, os.fsencode(tmp_path), 1)
    assert loaded == 7
    assert len(read(tmp_path).certificates) == loaded


def test_file_names_are_bytes_of_anybodys_choice(tmp_path: Path, foo: Made) -> None:
    """A newline, an escape, no UTF-8: read as any other."""
    folder = os.fsencode(tmp_path)
    for at, name in enumerate((b"a\nb.pem", b"\x1b[31m.crt", b"\xff\xfe.cer", b"-x.der")):
        made = foo if at == 0 else certs.self_signed(f"mx{at}.test")
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(made.pem)
    assert len(read(tmp_path).certificates) == 4


def test_the_systems_own_store() -> None:
    """As many as OpenSSL finds in Debian's bundle, and none of them twice, though each lies there
    three times: in the bundle, as a file, under its hash."""
    bundle = USUAL[0]
    if not Path(bundle).is_file():
        require("update-ca-certificates")
    printed = certs.openssl("crl2pkcs7", "-nocrl", "-certfile", bundle, "-outform", "DER")
    listed = certs.openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=printed)
    store = read("system")
    bundled = prints(read(bundle))
    assert len(bundled) == listed.count(b"-----BEGIN")
    assert set(bundled) <= set(prints(store))
    assert len(set(prints(store))) == len(prints(store))
    assert not store.unread
    assert not any(one.repeats for one in store.certificates)


def test_a_system_of_another_kind(tmp_path: Path, foo: Made, bar: Made, pair: list[str]) -> None:
    """What is there of the usual places, links to one file counted once; none is an error."""
    (tmp_path / "bundle.crt").write_bytes(foo.pem)
    (tmp_path / "cert.pem").symlink_to("bundle.crt")
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "bar.pem").write_bytes(bar.pem)
    usual = [str(tmp_path / one) for one in ("bundle.crt", "absent.crt", "cert.pem", "certs")]
    store = store_facts(read_store("system", usual=usual))
    assert prints(store) == pair
    assert store.files == 2
    with pytest.raises(InputError, match="no trust store in any of the usual places"):
        read_store("system", usual=usual[1:2])


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """A store that is not there is not an empty one."""
    for name in (tmp_path / "absent", "", "/dev/null", "a\0b"):
        with pytest.raises(InputError):
            read_store(str(name))


def test_there_is_an_end(tmp_path: Path, foo: Made) -> None:
    """Too many blocks and too many bytes, in one file or in a folder of several, are refused."""
    file = tmp_path / "store"
    file.write_bytes(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" * (LIMIT + 1))
    with pytest.raises(InputError, match=f"more than {LIMIT} certificates"):
        read_store(str(file))
    os.truncate(file, LIMIT_BYTES + 1)
    with pytest.raises(InputError, match="more than 100 MiB"):
        read_store(str(file))
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.pem", "b.pem"):
        (folder / name).write_bytes(foo.pem)
        os.truncate(folder / name, LIMIT_BYTES * 2 // 3)
    with pytest.raises(InputError, match="more than 100 MiB: this is no trust store"):
        read_store(str(folder))


def test_a_large_store_is_read(tmp_path: Path, foo: Made) -> None:
    """Ten thousand certificates, all the same but one: two, and every repeat with its place."""
    file = tmp_path / "store"
    last = certs.self_signed("mx.last.test")
    file.write_bytes(foo.pem * 9_999 + last.pem)
    store = read(file)
    assert prints(store) == [hashlib.sha256(one.der).hexdigest() for one in (foo, last)]
    assert len(store.certificates[0].repeats) == 9_998
    assert store.certificates[1].place.line == 1 + 9_999 * foo.pem.count(b"\n")
