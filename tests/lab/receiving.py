"""A server of ours that receives, as a client of the lab's speaks with it."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path

from tests.certs import Made
from tests.lab.network import Network

_CLIENT = Path(__file__).resolve().with_name("client.py")


class Receiving(ABC):
    """What Exim's and Postfix's have in common."""

    network: Network
    address: str

    @abstractmethod
    def logged_lines(self) -> str:
        """What it logged of late."""

    @abstractmethod
    def is_idle(self, lines: str) -> bool:
        """Whether all that was taken, as these lines of the log say, is delivered or waits."""

    def told(self, made: Made | None, *commands: str, how: str = "tls") -> list[str]:
        """What it answers to a client with this certificate."""
        where = "-" if made is None else str(self.network.directory / f"{made.fingerprint}.pem")
        if made is not None:
            Path(where).write_bytes(made.pem + made.key_pem)
        ran = self.network.run(
            [sys.executable, str(_CLIENT), self.address, where, how],
            stdin="".join(f"{one}\r\n" for one in commands).encode(),
        )
        assert ran.returncode == 0, (ran.stderr.decode(), self.logged_lines()[-2500:])
        for _attempt in range(1000):
            if self.is_idle(self.logged_lines()):
                return ran.stdout.decode().splitlines()
            time.sleep(0.02)
        raise AssertionError(self.logged_lines())

    def resumed(self, version: str, dialogue: bytes, made: Made | None) -> tuple[str, str]:
        """What OpenSSL shows of a dialogue with this certificate, and of the same in a session that
        resumes that one, without it. ``version``: of TLS, an option of ``openssl s_client``."""
        folder, own = self.network.directory, []
        if made is not None:
            pair = folder / f"{made.fingerprint}.pem"
            pair.write_bytes(made.pem + made.key_pem)
            own = ["-cert", str(pair)]
        base = ["openssl", "s_client", "-connect", f"{self.address}:25", "-starttls", "smtp",
                "-crlf", "-ign_eof", version]  # fmt: skip
        session = str(folder / "resumed-session")
        first = self.network.run([*base, *own, "-sess_out", session], stdin=dialogue)
        again = self.network.run([*base, "-sess_in", session], stdin=dialogue)
        return first.stdout.decode(), again.stdout.decode()

    def mail(
        self,
        made: Made | None,
        sender: str,
        recipient: str = "bob@us.test",
        *,
        header: str = "",
        how: str = "tls",
        parameters: str = "",
    ) -> list[str]:
        """Its answers to MAIL, RCPT, DATA and the message."""
        return self.told(
            made,
            f"MAIL FROM:<{sender}>{parameters}",
            f"RCPT TO:<{recipient}>",
            "DATA",
            *([header] if header else []),
            "Subject: hello",
            "",
            "hello",
            ".",
            how=how,
        )
