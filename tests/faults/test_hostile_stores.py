"""Stores made to hurt: read back and taken in, and no text or secret of theirs gets out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import certs
from tests.console import Console
from tests.faults.test_hostile_certificates import TEXTS, hostile, vectors
from tests.faults.typed import typed
from trustctl.errors import InputError
from trustctl.facts.names import parse_peer_name
from trustctl.intake.pem import scan, split_certificates

pytestmark = pytest.mark.faults
_FOO, _BAR = certs.self_signed("mx.foo.test"), certs.self_signed("mx.bar.test")
_BUNDLES = {
    "PEM": _FOO.pem + b"text\n" + _BAR.pem,
    "OpenSSL's": certs.pem(_FOO.der + b"0\0", "TRUSTED CERTIFICATE") + _BAR.pem,
    "DER": _FOO.der,
    "with a key": _FOO.pem + _FOO.key_pem,
}


def test_hostile_certificates_in_a_store(console: Console) -> None:
    """In one bundle, and in files of hostile names: each is counted, and its text shown inert."""
    made = hostile()
    bundle = console.write("all.pem", b"".join(one.pem for one in made.values()))
    folder = console.folder / "lab"
    folder.mkdir()
    for one, text in zip(made.values(), TEXTS, strict=False):
        (folder / f"{text.replace('/', '_').replace(chr(0), '')}.pem").write_bytes(one.pem)
    for words in (("audit", "--store"), ("audit", "--json", "--store"), ("adopt",), ("adopt",)):
        for store in (bundle, "lab"):
            ran = typed(console, *words, store)  # it looks for what a terminal obeys
            assert ran.code == 1 or words[0] == "adopt", ran
    assert f": {len(made)} certificates" in console("audit", "--store", bundle, code=1).out
    assert console.states().keys() <= {one.fingerprint for one in made.values()}
    assert set(console.states().values()) <= {"pending", "weak", "unreadable", "future"}
    for one in console("list", "--json").json:
        assert parse_peer_name(one["peer"]) == one["peer"]


def test_every_certificate_that_others_have_met(console: Console, tmp_path: Path) -> None:
    """cryptography-vectors as one folder: what add would read of a file, the store has, whatever
    lies in the files beside it; of a file with a key nothing is taken."""
    folder = tmp_path / "vectors"
    folder.mkdir()
    expected: set[str] = set()
    for number, (name, content) in enumerate(vectors().items()):
        (folder / f"{number}{Path(name).suffix}").write_bytes(content)
        try:
            ders = split_certificates(content, name)
        except InputError:
            continue
        expected |= {certs.Made(der, _FOO.key).fingerprint for der in ders}
    assert len(expected) > 300
    ran = typed(console, "audit", "--store", "vectors", "--json")
    assert ran.code == 1
    said = typed(console, "adopt", "vectors", "--json").json
    listed = [*said["adopted"], *said["left_out"]]
    assert {one["fingerprint"] for one in listed} >= expected
    keys = {one["file"] for one in said["left_out"] if one["code"] == "private-key"}
    assert keys
    assert not keys & {one["file"] for one in said["adopted"]}
    assert console.states().keys() == {one["fingerprint"] for one in said["adopted"]}
    assert "trusted" not in console.states().values()
    assert "whole" in console("journal", "verify").out


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_bytes_are_too_much_for_a_scan(data: st.DataObject) -> None:
    """A store with bytes altered, cut or added: read to its end; and where add takes the whole of
    it, the scan finds the very same certificates."""
    content = bytearray(data.draw(st.sampled_from(list(_BUNDLES.values()))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        more = st.one_of(st.binary(max_size=3), st.sampled_from([b"-----BEGIN ", b"-----END "]))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(more)
    found = list(scan(bytes(content)))
    assert all(one.ders or one.why for one in found)
    lines = [one.line for one in found if not one.key]
    assert lines == sorted(lines)
    try:
        taken = split_certificates(bytes(content), "store")
    except InputError:
        return
    assert list(dict.fromkeys(der for one in found for der in one.ders)) == taken
    assert not any(one.key for one in found)


def test_a_key_is_never_missed_where_add_sees_one() -> None:
    """The scan of a store refuses what add refuses, in any of the forms that keys come in."""
    for content in (_FOO.key_pem, _FOO.key_der, _BUNDLES["with a key"], certs.pem(_FOO.key_der)):
        with pytest.raises(InputError, match="PRIVATE KEY"):
            split_certificates(content, "store")
        assert any(one.key for one in scan(content))
