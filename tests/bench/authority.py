"""The private CA against easy-rsa, a loop of openssl, and the library that signs for it.

All make the same for each host: a new P-256 key, a certificate with the host's name, files with
both. easy-rsa and openssl make a certificate request on the way, as they have to.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench import measure
from tests.bench.measure import Cost
from tests.bench.row import Row, Sizes

_EASYRSA_BOUND, _OPENSSL_BOUND, _BARE_BOUND = 20, 5, 0.4
_DURABLE_MS, _CRL_SECONDS, _LIST_SECONDS = 150, 3, 1
_MEMORY = "/dev/shm"  # noqa: S108  (in memory is what is wanted)
_EASYRSA = Path("/usr/share/easy-rsa/easyrsa")
_WITHOUT_PKILINT = (
    "import sys; sys.modules['pkilint'] = None; from trustctl.__main__ import main; main()"
)
_LOOP = """
set -e
for host in $(cat hosts); do
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$host.key"
    openssl req -new -key "$host.key" -subj "/CN=$host" -out "$host.csr"
    printf 'subjectAltName=DNS:%s\\nbasicConstraints=critical,CA:FALSE\\n' "$host" >"$host.ext"
    openssl x509 -req -in "$host.csr" -CA ca.crt -CAkey ca.key -days 90 -extfile "$host.ext" \\
        -out "$host.crt"
done
"""
_EASYRSA_LOOP = """
set -e
for host in $(cat hosts); do
    "$1" --batch --use-algo=ec --curve=prime256v1 --san="DNS:$host" \\
        build-server-full "$host" nopass
done
"""


def lacking() -> str | None:
    """Why this cannot be measured here; None where it can."""
    missing = [one for one in ("openssl",) if shutil.which(one) is None]
    missing += [] if _EASYRSA.exists() else ["easy-rsa"]
    return f"needs {', '.join(missing)}" if missing else None


class Ca:
    """A CA of ours in an inventory of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.db = folder / "trustctl.db"
        self.secret = folder / "passphrase"
        self.secret.write_text("a few words of a book\n")
        self.secret.chmod(0o600)
        self.run("init", "--permit", "bar.test")

    def run(self, *arguments: str) -> Cost:
        """One command of the CA."""
        secret = ("--passphrase-file", str(self.secret))
        return measure.trustctl(self.db, "ca", *arguments, *secret)

    def issue(self, name: str, count: int, *, pkilint: bool = True) -> Cost:
        """So many new hosts in one command; there is a key and a certificate for each."""
        hosts = self.folder / f"{name}.hosts"
        hosts.write_text("".join(f"{name}-{number}.bar.test\n" for number in range(count)))
        out = self.folder / name
        arguments = ["ca", "issue", "--from-file", str(hosts), "--out", str(out)]
        arguments += ["--passphrase-file", str(self.secret)]
        program = measure.TRUSTCTL if pkilint else (sys.executable, "-c", _WITHOUT_PKILINT)
        taken = measure.cost([*program, *arguments], db=self.db)
        assert len(os.listdir(out)) == 2 * count
        return taken


def rows(sizes: Sizes, scratch: Path) -> Iterator[Row]:
    """Issuing against the others, one durable issue, a long CRL, a long list."""
    yield from _issuing(sizes, scratch)
    yield from _many(sizes, scratch)


def _issuing(sizes: Sizes, scratch: Path) -> Iterator[Row]:
    ca, count = Ca(scratch / "ca"), sizes.hosts
    runs = range(max(1, sizes.runs // 2 + 1))
    yield from _rate(sizes, scratch)
    batch = _middle([ca.issue(f"a{one}", count, pkilint=False) for one in runs])
    linted = _middle([ca.issue(f"l{one}", count) for one in runs])
    one = _middle([ca.issue(f"o{one}", 1, pkilint=False) for one in range(sizes.runs)])
    openssl, easyrsa = _openssl(scratch, sizes.loop), _easyrsa(scratch, sizes.loop)
    for name, whole in (("", batch), (" with pkilint", linted)):
        for bound, what, theirs in (
            (_EASYRSA_BOUND, "easy-rsa", easyrsa), (_OPENSSL_BOUND, "openssl", openssl),
        ):  # fmt: skip
            yield Row(
                f"ca issue{name}, {count} hosts in one command, each; {what} ({sizes.loop})",
                1000 * whole.cpu_seconds / count,
                1000 * theirs.cpu_seconds / sizes.loop,
                "ms CPU", "faster", bound,
            )  # fmt: skip
            yield Row(
                f"ca issue{name}, by the clock; {what}",
                1000 * whole.elapsed_seconds / count,
                1000 * theirs.elapsed_seconds / sizes.loop,
                "ms", "faster", bound,
            )  # fmt: skip
    open_signer = _middle_of([_figure("durable", str(ca.db), str(ca.secret)) for _one in runs])
    yield Row(
        "one durable issue with the signer open; the limit",
        1000 * open_signer, _DURABLE_MS, "ms CPU", "cost", 1,
    )  # fmt: skip
    yield Row(
        "ca issue of one host, the whole command; the limit",
        1000 * one.cpu_seconds, _DURABLE_MS, "ms CPU", "cost", None,
    )  # fmt: skip


def _rate(sizes: Sizes, scratch: Path) -> Iterator[Row]:
    """What each host more costs, against the library alone, which writes nothing.

    What a filesystem charges for a new file is not ours, and is another one each minute where
    others work on it too: so once in memory, and once where everything else is.
    """
    count, runs = sizes.hosts, range(max(1, sizes.runs // 2 + 1))
    bare = _middle_of([_figure("bare", str(3 * count)) for _one in runs])
    what = "; the library's key and signature"
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="trustctl-bench-") as memory:
        for where, folder in (
            ("files in memory", Path(memory) / "ca"),
            ("files on the disk", scratch / "rate"),
        ):
            ca = Ca(folder)
            few, many = (
                _middle([ca.issue(f"{name}{one}", size, pkilint=False) for one in runs])
                for name, size in (("few", count), ("many", 10 * count))
            )
            more = (many.cpu_seconds - few.cpu_seconds) / (9 * count)
            yield Row(
                f"ca issue, each host more ({10 * count} less {count}), {where}{what}",
                1e6 * more, 1e6 * bare, "us CPU", "faster", _BARE_BOUND,
            )  # fmt: skip
            for size, whole in ((count, few), (10 * count, many)):
                yield Row(
                    f"ca issue, the whole command of {size}, each host, {where}{what}",
                    1e6 * whole.cpu_seconds / size, 1e6 * bare, "us CPU", "faster", None,
                )  # fmt: skip


def _many(sizes: Sizes, scratch: Path) -> Iterator[Row]:
    ca, count = Ca(scratch / "many"), sizes.large
    _python("fill", str(ca.db), str(ca.secret), str(count))
    for name, arguments in (
        ("--host", ("--host", f"mx{count // 2}.")),
        ("--expiring", ("--expiring", "10d")),
    ):
        listed = measure.median(
            sizes.runs, partial(measure.trustctl, ca.db, "ca", "list", *arguments)
        )
        yield Row(
            f"ca list {name} of {count}; the limit",
            listed.cpu_seconds, _LIST_SECONDS, "s CPU", "cost", 1,
        )  # fmt: skip
    _python("revoke", str(ca.db))
    out = ca.folder / "ca.crl"
    crl = ca.run("crl", "--out", str(out))
    assert out.stat().st_size > 30 * count
    yield Row(f"ca crl of {count}; the limit", crl.cpu_seconds, _CRL_SECONDS, "s CPU", "cost", 1)
    yield Row(
        f"ca crl of {count}, by the clock; the limit",
        crl.elapsed_seconds, _CRL_SECONDS, "s", "cost", 1,
    )  # fmt: skip


def _openssl(scratch: Path, count: int) -> Cost:
    folder = _hosts(scratch / "openssl", count)
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += ["-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=CA", "-days", "900"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    taken = measure.cost(["sh", "-c", f"cd {folder}; {_LOOP}"])
    assert len(list(folder.glob("*.csr"))) == count
    return taken


def _easyrsa(scratch: Path, count: int) -> Cost:
    folder = _hosts(scratch / "easyrsa", count)
    for one in ("init-pki", "build-ca nopass"):
        command = [str(_EASYRSA), "--batch", "--use-algo=ec", "--curve=prime256v1", *one.split()]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    taken = measure.cost(["sh", "-c", f"cd {folder}; {_EASYRSA_LOOP}", "sh", str(_EASYRSA)])
    assert len(list((folder / "pki" / "issued").iterdir())) == count
    return taken


def _hosts(folder: Path, count: int) -> Path:
    folder.mkdir()
    names = "".join(f"mx{number}.bar.test\n" for number in range(count))
    (folder / "hosts").write_text(names)
    return folder


def _figure(*arguments: str) -> float:
    return float(_python(*arguments))


def _python(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "tests.bench.signing", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def _middle(costs: list[Cost]) -> Cost:
    rest = iter(costs)
    return measure.median(len(costs), lambda: next(rest))


def _middle_of(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]
