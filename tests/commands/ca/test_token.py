"""``--token``: the CA's keys in a PKCS #11 token (SoftHSM 2)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.authority import OwnCa
from tests.console import Console, Ran
from tests.tools import output, require
from trustctl.ca.token_module import default_module
from trustctl.ca.token_uri import parse_uri, uri
from trustctl.errors import UsageError
from trustctl.facts.issuance import KeyKind

PIN, LABEL = "a pin 1234", "our token"
URI = "pkcs11:token=our%20token"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")


class Token:
    """A user with a token of SoftHSM, the PIN of which is in a file. Each command is a process of
    its own: a module reads its configuration once."""

    def __init__(self, console: Console, module: str) -> None:
        self.console, self.folder = console, console.folder
        (self.folder / "tokens").mkdir()
        conf = console.write("hsm.conf", f"directories.tokendir = {self.folder}/tokens\n".encode())
        self.env = {
            "SOFTHSM2_CONF": conf,
            "TRUSTCTL_PKCS11_MODULE": module,
            "TRUSTCTL_PKCS11_PIN_FILE": self.pin("pin", PIN),
            "TRUSTCTL_CA_PASSPHRASE_FILE": self.pin("passphrase", "a few words of a book"),
        }
        self.add(LABEL)

    def pin(self, name: str, text: str) -> str:
        """A file with a secret; its path."""
        path = Path(self.console.write(name, text.encode() + b"\n"))
        path.chmod(0o600)
        return str(path)

    def add(self, label: str) -> None:
        """One more token."""
        output(
            "softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin",
            PIN, env={**os.environ, **self.env},
        )  # fmt: skip

    def __call__(self, *words: str, code: int = 0, **env: str) -> Ran:
        """Run ``trustctl ca ...``."""
        ran = self.console.process("ca", *words, env={**self.env, **env})
        assert ran.code == code, ran
        assert PIN not in ran.out + ran.err
        return ran

    def objects(self) -> int:
        """How many objects the tokens hold (a key pair is two)."""
        return len(list((self.folder / "tokens").glob("*/*.object"))) - len(
            list((self.folder / "tokens").glob("*/token.object"))
        )

    def refused(self, *words: str, said: str, code: int, **env: str) -> None:
        """A command that fails and changes nothing, in the token neither."""
        before = (self.console.db.exists() and self.console.state()[0], self.objects())
        ran = self(*words, code=code, **env)
        assert said in ran.err, ran
        assert "hint: " in ran.err
        after = (self.console.db.exists() and self.console.state()[0], self.objects())
        assert after == before


@pytest.fixture
def token(console: Console) -> Token:
    """A user with an empty token."""
    require("softhsm2-util")
    pytest.importorskip("pkcs11")
    module = next((one for one in MODULES if Path(one).exists()), None)
    assert module is not None, "softhsm2-util is there, and its module is not"
    return Token(console, module)


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "rsa-3072", "ed25519"])
def test_a_ca_in_a_token(token: Token, kind: KeyKind) -> None:
    """Root, issuing CA, a host's certificate and CRLs, signed in the token, are good for OpenSSL
    (and not for another host's name); no private key of a CA is in a file."""
    require("openssl")
    token("init", "--token", URI, "--key", kind, "--permit", "bar.test")
    assert token.objects() == 4
    token("issue", "mx.bar.test", "--out", str(token.folder / "out"))
    lists, root = token.folder / "lists.pem", token.folder / "root.pem"
    token("crl", "--of", "all", "--out", str(lists))
    token("certificate", "root", "--out", str(root))
    leaf = str(token.folder / "out" / "mx.bar.test.crt")
    words = ["openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", str(lists),
             "-CAfile", str(root), "-untrusted", leaf, "-verify_hostname"]  # fmt: skip
    assert subprocess.run([*words, "mx.bar.test", leaf], check=False).returncode == 0
    assert subprocess.run([*words, "mx.foo.test", leaf], check=False).returncode != 0
    assert not (token.console.db.parent / "ca").exists()
    for one in token("list", "--authorities", "--json").json:
        assert one["key"] == "pkcs11"
    token.console("journal", "verify")
    assert PIN not in token.console("journal", "--json").out


def test_the_key_cannot_leave(token: Token) -> None:
    """The token says of each private key that it is sensitive and not to be extracted, and gives
    it to nobody who has the PIN."""
    token("init", "--token", URI)
    code = (
        "import sys, pkcs11 as p;"
        "s = p.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(user_pin=sys.argv[3]);"
        "keys = list(s.get_objects({p.Attribute.CLASS: p.ObjectClass.PRIVATE_KEY}));"
        "A = p.Attribute;"
        "print([(k[A.SENSITIVE], k[A.EXTRACTABLE], k[A.ALWAYS_SENSITIVE],"
        " k[A.NEVER_EXTRACTABLE], k[A.SIGN], k[A.DERIVE], k[A.UNWRAP]) for k in keys])\n"
        "for k in keys:\n"
        "  try: print(k[A.VALUE])\n"
        "  except p.AttributeSensitive: print('sensitive')\n"
    )
    said = output(
        "python", "-c", code, token.env["TRUSTCTL_PKCS11_MODULE"], LABEL, PIN,
        env={**os.environ, **token.env},
    ).decode()  # fmt: skip
    one = "(True, False, True, True, True, False, False)"
    assert said.splitlines() == [f"[{one}, {one}]", "sensitive", "sensitive"]


def test_rollover_stays_in_the_token(token: Token) -> None:
    """The next keys are made where those before are; --token file makes a file of the next."""
    token("init", "--token", URI, "--permit", "bar.test")
    token("rollover", "issuing", "--yes")
    token("rollover", "root", "--yes")
    assert token.objects() == 8
    token("rollover", "issuing", "--yes", "--token", "file")
    places = [one["key"] for one in token("list", "--authorities", "--json").json]
    assert places.count("file") == 1
    token("issue", "mx.bar.test", "--out", str(token.folder / "out"))
    assert token.objects() == 8


def test_below_an_offline_root(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request's key can be in a token: its proof is signed there."""
    (token.folder / "dark").mkdir()
    dark = OwnCa(Console(token.folder / "dark"), monkeypatch)
    dark("init", "--offline-root")
    request, answer = str(token.folder / "request"), str(token.folder / "answer")
    token("request", "--token", URI, "--permit", "bar.test", "--out", request)
    token("request", "--permit", "bar.test", "--out", request + "2")  # the same key again
    assert token.objects() == 2
    dark("sign-request", request, "--out", answer, "--yes")
    root = dark("list", "--authorities", "--json").json[0]["fingerprint"]
    token("accept", answer, "--fingerprint", root, "--yes")
    token("issue", "mx.bar.test", "--out", str(token.folder / "out"))


def test_where_the_pin_comes_from(token: Token) -> None:
    """A systemd credential, or a file that nobody else may read; without either somebody is
    asked, and where there is nobody it says how to give it."""
    folder = token.folder / "credentials"
    folder.mkdir()
    token.pin("credentials/trustctl-ca-pin", PIN)
    token.refused(
        "init", "--token", URI, said="PIN of the token is needed", code=2,
        TRUSTCTL_PKCS11_PIN_FILE="",
    )  # fmt: skip
    open_to_all = token.pin("open", PIN)
    Path(open_to_all).chmod(0o644)
    token.refused(
        "init", "--token", URI, "--pin-file", open_to_all, said="others may read this PIN", code=4
    )
    token("init", "--token", URI, CREDENTIALS_DIRECTORY=str(folder), TRUSTCTL_PKCS11_PIN_FILE="")


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--token", "pkcs11:token=other"), "no tokens fit pkcs11:token=other", 4),
        (("--token", URI + ";serial=00"), "no tokens fit", 4),
        (("--token", URI, "--module", "/nonexistent.so"), "there is no such PKCS #11 module", 4),
        (("--token", URI, "--module", "/etc/hostname"), "cannot be used", 4),
        (("--token", URI, "--key", "ml-dsa-65"), "cannot make keys of kind ml-dsa-65", 2),
        (("--token", URI + "?pin-value=1234"), "pin-value does not belong", 2),
        (("--token", URI + ";id=%01"), "names a token, not a key in it", 2),
        (("--token", "our token"), "is no PKCS #11 URI", 2),
    ],
)
def test_what_cannot_be(token: Token, words: tuple[str, ...], said: str, code: int) -> None:
    """No such token, no module, no such kind of key: told, and nothing was made anywhere."""
    token.refused("init", *words, said=said, code=code)


def test_a_wrong_pin(token: Token) -> None:
    """It is told, nothing is made, and it is tried once: tokens lock."""
    wrong = token.pin("wrong", "another pin")
    token.refused("init", "--token", URI, "--pin-file", wrong, said="not the token's", code=2)
    token("init", "--token", URI)
    out = str(token.folder / "out")
    token.refused(
        "issue", "mx.bar.test", "--out", out, "--pin-file", wrong, said="not the token's", code=2
    )
    token("issue", "mx.bar.test", "--out", out)


def test_two_tokens_of_one_name(token: Token) -> None:
    """Which one is meant has to be said; its serial number is recorded, so that it is found."""
    token.add(LABEL)
    ran = token("init", "--token", URI, code=4)
    first = ran.err.split("there is ")[1].split()[0]
    assert ran.err.count("there is pkcs11:token=our%20token;serial=") == 2
    token("init", "--token", first)
    token("issue", "mx.bar.test", "--out", str(token.folder / "out"))


def test_a_token_that_lost_its_keys(token: Token) -> None:
    """Nothing is committed to before the token has shown that it has the key."""
    token("init", "--token", URI)
    for one in (token.folder / "tokens").glob("*/*.object"):
        if one.name != "token.object":
            one.unlink()
    token.refused(
        "issue", "mx.bar.test", "--out", str(token.folder / "out"), said="has 0 keys", code=4
    )
    assert token("list", "--all", "--json").json[-1]["profile"] == "issuing"


def test_without_the_extra(token: Token) -> None:
    """Where python-pkcs11 is not installed it says what to install."""
    hidden = token.folder / "hidden" / "pkcs11"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not installed')\n")
    path = f"{hidden.parent}:{os.environ.get('PYTHONPATH', '')}"
    token.refused("init", "--token", URI, said="trustctl[pkcs11]", code=2, PYTHONPATH=path)


def test_uris() -> None:
    """RFC 7512's forms are read and written; what has no place in them is named, never shown."""
    found = parse_uri("PKCS11:token=The%20Token;serial=1%3b2;id=%01%fF")
    assert found == {"token": b"The Token", "serial": b"1;2", "id": b"\x01\xff"}
    assert parse_uri(uri(found)) == found
    with pytest.raises(UsageError) as caught:
        parse_uri("pkcs11:token=a?pin-value=geheim")
    assert "geheim" not in f"{caught.value.message}{caught.value.hint}"
    for bad in (
        "pkcs11", "pkcs11:", "file:x", "pkcs11:token", "pkcs11:token=a;token=b", "pkcs11:id=%01",
        "pkcs11:token=%zz", "pkcs11:token=%1", "pkcs11:slot-id=1", "pkcs11:token=é",
        "pkcs11:token=a?module-path=/x.so", "pkcs11:token=a?pin-source=/x",
    ):  # fmt: skip
        with pytest.raises(UsageError):
            parse_uri(bad)


def test_the_usual_module() -> None:
    """Without --module p11-kit's proxy is taken, where it is installed."""
    found = default_module()
    assert found is None or found.endswith("/p11-kit-proxy.so")


def test_a_hosts_own_key_is_a_file(token: Token) -> None:
    """Only the CA's keys are in the token: the host's is in HOST.key, and fits HOST.crt."""
    token("init", "--token", URI)
    token("issue", "mx.bar.test", "--out", str(token.folder / "out"))
    pair = token.folder / "out" / "mx.bar.test"
    public = output("openssl", "pkey", "-in", f"{pair}.key", "-pubout")
    assert public == output("openssl", "x509", "-in", f"{pair}.crt", "-noout", "-pubkey")
