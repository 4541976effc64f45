"""Who may send as which domain, as the program answers it that Postfix runs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trustctl.export.postfix_server import compile_senders, parse
from trustctl.facts.fingerprint import colons
from trustctl.facts.names import parse_domain
from trustctl.facts.records import Inbound, PeerTrust, TrustedCertificate
from trustctl.publish import postfix_policy
from trustctl.publish.postfix_policy import Senders, answer, domains

NOW = 1_800_000_000
_NET = ("192.0.2.0/24",)
PIN, OLD = (hashlib.sha256(one).hexdigest() for one in (b"pin", b"old"))


def _pin(content: bytes, until: int = NOW + 10) -> TrustedCertificate:
    return TrustedCertificate(hashlib.sha256(content).hexdigest(), "host", content, until, False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an export writes: foo is required, bar offered, old's only pin has ended since."""
    peers = [
        (
            PeerTrust("foo", ("foo.test",), (_pin(b"pin"),)),
            Inbound("require", True, ("192.0.2.0/24",)),
        ),
        (PeerTrust("bar", ("bar.test",), (_pin(b"pin"),)), Inbound("offer")),
        (PeerTrust("old", ("old.test",), (_pin(b"old", NOW - 1),)), Inbound("require")),
    ]
    for name, content in compile_senders(peers).items():
        place = tmp_path / "current" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "word").write_text("0" * 32)
    return tmp_path


def _asked(folder: Path, sender: str, context: str = "sender", **more: str) -> str:
    request = {"sender": sender, "policy_context": context, "encryption_protocol": "TLSv1.3"}
    return answer(request | more, Senders(str(folder)), NOW)


def test_only_the_pin_may_send(folder: Path) -> None:
    """In both places that refuse; and not one that has ended since the export."""
    for context in ("sender", "data"):
        assert _asked(folder, "ann@foo.test", context)[:9] == "550 5.7.5"
        other = _asked(folder, "ann@foo.test", context, ccert_fingerprint=OLD)
        assert other[:9] == "550 5.7.5"
        old = _asked(folder, "ann@old.test", context, ccert_fingerprint=OLD)
        assert old[:9] == "451 4.7.5"
        clear = _asked(folder, "ann@foo.test", context, encryption_protocol="")
        assert clear[:10] == "550 5.7.10"
    assert _asked(folder, "ann@foo.test", ccert_fingerprint=colons(PIN)) == "DUNNO"
    told = _asked(folder, "ann@foo.test", "data", ccert_fingerprint=colons(PIN))
    assert told == (f"PREPEND Trustctl-Peer-{'0' * 32}: foo; domain=foo.test; certificate={PIN}")


def test_a_network_is_compared_as_one(folder: Path) -> None:
    """An address within it may; another, or what is no address, may not."""
    for address, may in (("192.0.2.9", True), ("192.0.3.9", False), ("unknown", False),
                         ("2001:db8::1", False), ("", False)):  # fmt: skip
        told = _asked(folder, "ann@foo.test", client_address=address)
        assert (told == "DUNNO") == may, address


def test_relaying_is_bound_to_the_domain(folder: Path) -> None:
    """With its pin, as its own domain, to an ordinary address."""
    pinned = {"ccert_fingerprint": PIN}
    assert _asked(folder, "a@foo.test", "relay", recipient="x@y.test", **pinned) == "OK"
    for sender, recipient, more in (
        ("a@foo.test", "x@y.test", {}), ("a@bar.test", "x@y.test", pinned),
        ("", "x@y.test", pinned), ("a@y.test", "x@y.test", pinned),
        ("a@foo.test", "x%z.test@y.test", pinned),
        ("foo.test!a%bar.test", "x@y.test", pinned),
    ):  # fmt: skip
        assert _asked(folder, sender, "relay", recipient=recipient, **more) == "DUNNO", sender


@pytest.mark.parametrize("damage", ["map", "whole", "both", "other"])
def test_a_map_that_is_not_whole_answers_nobody(folder: Path, damage: str) -> None:
    """Whatever is lost of it: all is put off, but for bounces."""
    inbound = folder / "current" / "inbound"
    for name in ("senders.map", "whole"):
        if damage in (name.partition(".")[0].replace("senders", "map"), "both"):
            (inbound / name).unlink()
    if damage == "other":
        (inbound / "senders.map").write_bytes(b"")
    for sender in ("ann@foo.test", "eve@else.test"):
        assert _asked(folder, sender, ccert_fingerprint=PIN).startswith("451 4.3.0")
    assert _asked(folder, "") == "DUNNO"


def test_another_generation_counts_at_once(folder: Path) -> None:
    """A program that runs reads what was put in force since."""
    senders = Senders(str(folder))
    request = {"sender": "ann@foo.test", "encryption_protocol": "x"}
    assert answer(request, senders, NOW).startswith("550")
    new = compile_senders([])
    for name, content in new.items():
        (folder / "current" / f"{name}.new").write_bytes(content)
        os.replace(folder / "current" / f"{name}.new", folder / "current" / name)
    assert answer(request, senders, NOW) == "DUNNO"


@pytest.mark.parametrize(
    "domain",
    ["foo.test", "FOO.test", "bücher.test", "BÜCHER.test", "bu\u0308cher.test", "\uff46oo.test",
     "fo\u00ado.test", "straße.test", "STRASSE.test", "\u1e9e.test", "βόλος.test", "foo\u3002test",
     "\U0001f130.test", "\u2102o.test", "xn--bcher-kva.test", "例え.テスト", "i\u0307.test"],
)  # fmt: skip
def test_a_domain_is_what_uts_46_makes_of_it(domain: str) -> None:
    """What the inventory would call it, is among what is looked up."""
    assert parse_domain(domain) in list(domains(f"ann@{domain}"))


@pytest.mark.parametrize("sender", ["ann@fo o.test", "ann@foo.test\x7f", "ann@a/b", "ann@?.test"])
def test_what_no_domain_is_spelt_like_is_refused(folder: Path, sender: str) -> None:
    """Who knows what it is turned into afterwards."""
    assert _asked(folder, sender).startswith("550 5.1.7")
    assert _asked(folder, sender, "relay", ccert_fingerprint=PIN) == "DUNNO"


def test_an_address_of_two_domains_is_nobody_s(folder: Path) -> None:
    """Refused for either, and marked as neither."""
    for sender in ("foo.test!ann%bar.test", "bar.test!ann%foo.test"):
        assert _asked(folder, sender).startswith("550")
        assert _asked(folder, sender, "data", ccert_fingerprint=PIN) == "DUNNO"
        assert _asked(folder, sender, "log", ccert_fingerprint=PIN) == "DUNNO"


def test_the_map_reads_back() -> None:
    """A value is words, hex, numbers and networks; each pin with its end."""
    trust = PeerTrust("foo", ("foo.test", "foo.example"), (_pin(b"pin", 5), _pin(b"old", 6)))
    made = compile_senders([(trust, Inbound("require", True, ("192.0.2.0/24", "2001:db8::/48")))])
    pins = ":".join(sorted((f"{PIN}/5", f"{OLD}/6")))
    entry = {"peer": "foo", "mode": "require", "pins": pins, "relay": "yes",
             "hosts": "192.0.2.0/24;2001:db8::/48"}  # fmt: skip
    assert parse(made["inbound/senders.map"]) == {"foo.example": entry, "foo.test": entry}


def test_the_program_stands_alone(folder: Path) -> None:
    """It is copied, and run without trustctl, as somebody else, with Python's own library: the
    requests of one connection are answered in order."""
    program = folder / "senders.py"
    program.write_bytes(Path(postfix_policy.__file__).read_bytes())
    text = b"request=smtpd_access_policy\nsender=a@foo.test\nencryption_protocol=x\n\nsender=\n\n"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(program), str(folder)],
        input=text, capture_output=True, check=True, cwd="/", env={},
    )  # fmt: skip
    told = ran.stdout.decode().split("\n\n")
    assert told[0].startswith("action=550 5.7.5")
    assert told[1:] == ["action=DUNNO", ""]
