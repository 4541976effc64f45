"""Certificates made to hurt: kept, usable by their fingerprint, and no text of theirs gets out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cryptography_vectors
import pytest

from tests import certs, odd
from tests.console import ANN, Console
from tests.faults.typed import typed
from trustctl.errors import InputError
from trustctl.intake.pem import split_certificates

pytestmark = pytest.mark.faults
MARK = "HURTS"
TEXTS = (
    f"\x1b]0;{MARK}\x07\x1b[2J",
    f"{MARK}\n*: closed=no\nset = x",
    f"${{run{{/bin/touch /tmp/{MARK}}}}}",
    f"\u202e{MARK}\u2066",
    f"{MARK}\0.foo.test",
    f"{MARK}\u2028\x85\x9b31m",
    f" {MARK} \\",
    f"*.{MARK}:!x ; <| | `{MARK}` $(x) %n <script>",
)
"""Names, each with a mark that nobody else uses."""


def hostile() -> dict[str, certs.Made]:
    """Peer -> certificate: each text as a subject and as a DNS name, and certificates that break
    the rules in other ways."""
    base = certs.self_signed("mx.hurts.test")
    found = {}
    for number, text in enumerate(TEXTS):
        named = odd.common_name(text.encode())
        alternative = odd.alternative_names(text.encode(), b"mx.hurts.test")
        found[f"both{number}"] = odd.altered(base, subject=named, extensions=[alternative])
    constraints = odd.extension("2.5.29.19", certs.tlv(0x30, certs.tlv(0x01, b"\xff")))
    forever = certs.tlv(0x30, certs.tlv(0x17, b"991399999999Z"), certs.tlv(0x17, MARK.encode()))
    return found | {
        "twice": odd.altered(base, extensions=[constraints, constraints]),
        "v1": odd.altered(base, version=b"", extensions=[]),
        "negative": odd.altered(base, serial=certs.tlv(0x02, b"\xff\x01")),
        "dates": odd.altered(base, validity=forever),
        "latin": odd.altered(base, subject=odd.common_name(f"\xff{MARK}".encode("latin-1"))),
    }


def rows(made: dict[str, certs.Made], *, vouched: bool) -> bytes:
    """An import of them all."""
    lines = []
    for peer, one in made.items():
        row = {"peer": peer, "domains": [f"{peer}.test"], "certificate": one.pem.decode()}
        if vouched:
            row |= {"fingerprint": one.fingerprint, "vouched_by": ANN, "via": "phone"}
        lines.append(json.dumps(row))
    return "\n".join(lines).encode() + b"\n"


def outside_certificates(folder: Path) -> bytes:
    """Every byte under a target, file names too, but for what stands in base64 in a certificate."""
    found = b""
    for one in folder.rglob("*"):
        found += str(one.relative_to(folder)).encode() + b"\n"
        if one.is_file():
            found += re.sub(
                rb"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]*-----END CERTIFICATE-----",
                b"",
                one.read_bytes(),
            )
    return found


@pytest.mark.parametrize("vouched", [True, False], ids=["trusted", "pending"])
def test_no_text_of_a_certificate_gets_out(console: Console, vouched: bool) -> None:
    """Imported, exported, listed, shown and audited: nothing of their texts is in any file of the
    target, nothing of it reaches a terminal raw, and no command fails but with an answer."""
    made = hostile()
    console.write("hostile.jsonl", rows(made, vouched=vouched))
    assert typed(console, "import", "hostile.jsonl").code == 0
    assert len(console("list", "--json").json) == len(made)
    console.target.mkdir(mode=0o755)
    exported = typed(console, "export", "--to", "target", "--format", "exim", "--yes")
    assert exported.code == 0
    everything = outside_certificates(console.target)
    assert b"both0.test" in everything
    assert MARK.encode() not in everything
    assert b"script" not in everything
    assert re.fullmatch(
        rb"[\x00\t\n -~]*", (console.target / "trustctl/current/peers.map").read_bytes()
    )
    first = next(iter(made.values()))
    path = console.write("first.der", first.der)
    for words in (
        ("list",),
        ("list", "--all", "--fingerprints"),
        ("journal",),
        ("dump",),
        ("audit",),
        ("audit", "--json"),
        *(("show", peer) for peer in made),
        ("show", "both1", "--json"),
        ("check", "both0.test", "--certificate", path),
        ("export", "--to", "target", "--format", "exim", "--diff", "--dry-run", "--force"),
    ):
        ran = console.any(*words)  # it looks for tracebacks and for what a terminal obeys
        assert ran.code in (0, 1), ran
    trusted = console("check", "both0.test", "--certificate", path, code=0 if vouched else 1)
    assert first.fingerprint[:4].upper() in trusted.out


def test_where_a_hostile_text_would_be_found(console: Console) -> None:
    """The look for bytes in a target finds those of a peer's name, which belong there."""
    console.write("hostile.jsonl", rows({MARK.lower(): certs.self_signed()}, vouched=True))
    console("import", "hostile.jsonl")
    console.target.mkdir(mode=0o755)
    console("export", "--to", "target", "--format", "exim")
    assert MARK.lower().encode() in outside_certificates(console.target)


def test_each_of_them_is_added_by_hand_too(console: Console) -> None:
    """By add, in a process of its own: kept, and what could not be read of it is told."""
    for peer, one in hostile().items():
        if peer in ("both1", "both4", "twice", "dates"):
            path = console.write(f"{peer}.der", one.der)
            ran = typed(console, "add", path, "--peer", peer, "--fingerprint", one.fingerprint)
            assert ran.code == 0, ran
            assert MARK not in ran.out
            assert ("note: " in ran.err) or peer.startswith("both"), ran


def vectors() -> dict[str, bytes]:
    """The files of PyPI's cryptography-vectors that may hold certificates, by name."""
    root = Path(cryptography_vectors.__file__).parent / "x509"
    found = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in (".pem", ".der", ".crt", ".cer") and path.is_file():
            found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def test_every_certificate_that_others_have_met(console: Console, tmp_path: Path) -> None:
    """cryptography-vectors through one import: each file that is no certificate is named by its
    line, and without those all are kept, listed, shown, exported and audited."""
    given = vectors()
    assert len(given) > 400
    folder = tmp_path / "vectors"
    folder.mkdir()
    lines, expected = [], []
    for number, (name, content) in enumerate(given.items(), 1):
        (folder / f"{number}").write_bytes(content)
        lines.append(json.dumps({"peer": f"peer{number}", "certificate": f"{number}"}))
        try:
            split_certificates(content, name)
        except InputError:
            expected.append(number)
    console.write("vectors/all.jsonl", "\n".join(lines).encode())
    ran = typed(console, "import", "vectors/all.jsonl")
    assert ran.code == 4
    assert not console.db.exists()
    named = [int(one) for one in re.findall(r"^vectors/all\.jsonl:(\d+): ", ran.err, re.MULTILINE)]
    assert named == expected[: len(named)]
    assert f"{len(expected)}" in ran.err.splitlines()[-2]
    good = [one for number, one in enumerate(lines, 1) if number not in expected]
    assert len(good) > 300
    console.write("vectors/good.jsonl", "\n".join(good).encode())
    assert typed(console, "import", "vectors/good.jsonl").code == 0
    listed = console("list", "--json").json
    assert len(listed) == len(good)
    for peer in {one["peer"] for one in listed}:
        console("show", peer)
    vouched = [
        json.dumps(
            {
                "peer": one["peer"],
                "domains": [f"{one['peer']}.test"],
                "certificate": one["peer"].removeprefix("peer"),
                "fingerprint": one["fingerprint"],
            }
        )
        for one in listed
    ]
    console.write("vectors/vouched.jsonl", "\n".join(vouched).encode())
    console("import", "vectors/vouched.jsonl")
    console.target.mkdir(mode=0o755)
    assert typed(console, "export", "--to", "target", "--format", "exim", "--yes").code == 0
    assert typed(console, "audit").code in (0, 1)
    assert "is sound" in console("db", "check").out
    dumped = console("dump").out
    again = Console(tmp_path / "again")
    again.folder.mkdir()
    again("import", console.write("dump.jsonl", dumped.encode()))
    assert again("dump").out == dumped
