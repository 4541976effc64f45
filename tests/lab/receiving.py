"""A server of ours that receives, as a client of the lab's speaks with it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.certs import Made
from tests.lab.network import Network

_CLIENT = Path(__file__).resolve().with_name("client.py")


class Receiving:
    """What Exim's and Postfix's have in common."""

    network: Network
    address: str

    def logged_lines(self) -> str:
        """What it logged of late."""
        raise NotImplementedError

    def is_idle(self, lines: str) -> bool:
        """Whether all that was taken, as these lines of the log say, is delivered or waits."""
        raise NotImplementedError

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
