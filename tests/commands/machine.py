"""A Debian whose own trust store a test may write: /etc, /usr/local and debconf's are copies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.console import Console, Ran

LOCAL = "/usr/local/share/ca-certificates"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CONF = "/etc/ca-certificates.conf"
_ROOT = Path(__file__).parents[2]
_FEW = ("ISRG_Root_X1", "Amazon_Root_CA_1", "GTS_Root_R1")
_SETUP = """
set -e
ip link set lo up
base=$1; few=$2
mount -t tmpfs none "$base"
mkdir "$base/local" "$base/shipped" "$base/shipped/mozilla" "$base/shared"
cp -a /etc "$base/etc"
cp -a /var/cache/debconf "$base/debconf"
rm -rf "$base/etc/ssl/certs" "$base"/etc/ca-certificates/update.d/*
mkdir -p "$base/etc/ssl/certs" "$base/etc/ca-certificates/update.d"
if [ -n "$few" ]; then
  : > "$base/etc/ca-certificates.conf"
  for one in $few; do
    cp "/usr/share/ca-certificates/mozilla/$one.crt" "$base/shipped/mozilla/"
    echo "mozilla/$one.crt" >> "$base/etc/ca-certificates.conf"
  done
  mount --bind "$base/shipped" /usr/share/ca-certificates
fi
mount --bind "$base/etc" /etc
mount --bind "$base/local" /usr/local/share/ca-certificates
mount --bind "$base/debconf" /var/cache/debconf
echo SET ca-certificates/trust_new_crts yes | debconf-communicate -fnoninteractive ca-certificates
update-ca-certificates --fresh
mkdir "$base/first"
cd "$base"
cp -a --parents etc/ssl/certs etc/ca-certificates etc/ca-certificates.conf first
cp -a --parents debconf shipped local first
"""
_RESET = """
cd '{base}'
rm -rf etc/ssl/certs/* etc/ca-certificates/update.d/* local/* shipped/mozilla/* etc/told etc/trace
cp -a first/. .
"""


class Debian:
    """A machine in namespaces of its own, in whose store three public CAs are selected."""

    def __init__(self, base: Path, *, few: tuple[str, ...] = _FEW) -> None:
        """Make it; ``few``: of the public CAs, these; without any, all of them."""
        self.console = Console(base)
        self._base = base
        said = base.with_name(f"{base.name}-setup")
        holder = f"( {_SETUP} ) > '{said}' 2>&1; echo ready; exec cat"
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", holder, "sh", str(base), " ".join(few)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", said.read_text()
        self._inside = ["nsenter", "--target", str(self._holder.pid), "--mount", "--net", "--"]
        self._typist = subprocess.Popen(
            [*self._inside, sys.executable, "-m", "tests.commands.typist"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT,
        )  # fmt: skip

    def reset(self, console: Console) -> None:
        """As it was at first; from now on whoever types has this inventory."""
        self.console = console
        self.sh(_RESET.format(base=self._base))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for one in (self._typist, self._holder):
            for pipe in (one.stdin, one.stdout):
                assert pipe is not None
                pipe.close()
            one.wait(20)

    def run(
        self, *words: str, stdin: bytes = b"", code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there; it has to end with this exit code (None: however)."""
        done = subprocess.run(
            [*self._inside, *words], input=stdin.decode(), capture_output=True, text=True,
            check=False, timeout=120, errors="backslashreplace", cwd="/",
        )  # fmt: skip
        assert code is None or done.returncode == code, done
        return done

    def sh(self, script: str) -> str:
        """Run a script there; what it prints."""
        return self.run("sh", "-ec", script).stdout

    def trustctl(self, *words: str, code: int = 0) -> Ran:
        """Type a command there."""
        assert self._typist.stdin is not None
        assert self._typist.stdout is not None
        self._typist.stdin.write(json.dumps([str(self.console.folder), words]) + "\n")
        self._typist.stdin.flush()
        ran = Ran(*json.loads(self._typist.stdout.readline()))
        assert ran.code == code, ran
        return ran

    def killed(self, call: str, number: int, *words: str) -> None:
        """Type a command in a process of its own, killed at so many calls of this kind."""
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        trace = ("strace", "-qq", "-e", f"trace={call}", "-e", inject, "-o", "/dev/null")
        done = self.run(*trace, *self.typed(*words), code=None)
        assert done.returncode in (-9, 137), done

    def typed(self, *words: str) -> tuple[str, ...]:
        """A command as a process of its own has it."""
        path = os.pathsep.join(one for one in sys.path if one)
        settings = (f"TRUSTCTL_DB={self.console.db}", f"PYTHONPATH={path}")
        return ("env", *settings, sys.executable, "-m", "trustctl", *words)

    def export(self, *words: str, code: int = 0) -> str:
        """Export to the system's store; all that it says."""
        to = () if "--to" in words else ("--to", LOCAL)
        ran = self.trustctl("export", "--format", "debian", *to, *words, code=code)
        return ran.out + ran.err

    def put(self, path: str, content: bytes, mode: str = "0644") -> None:
        """Write a file there."""
        self.run("sh", "-ec", f'cat > "{path}"; chmod {mode} "{path}"', stdin=content)

    def trusted(self) -> set[str]:
        """The subjects of all that the bundle holds."""
        script = f"openssl crl2pkcs7 -nocrl -certfile {BUNDLE} | openssl pkcs7 -print_certs -noout"
        lines = self.sh(script).splitlines()
        return {one.removeprefix("subject=") for one in lines if one.startswith("subject=")}

    def files(self) -> str:
        """Every file and link of the store and of what it is made of, with its content."""
        return self.sh(
            f"find /etc/ssl/certs {LOCAL} {CONF} ! -type d -printf '%p %l %m\\n' | sort;"
            f" find /etc/ssl/certs {LOCAL} {CONF} -type f -exec sha256sum '{{}}' + | sort;"
            " ls -A /etc; echo GET ca-certificates/trust_new_crts |"
            " debconf-communicate -fnoninteractive ca-certificates"
        )
