"""A host whose administrator watches peers on the wire, and the lines that the commands print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.certs import Made
from tests.lab.lab import Lab
from tests.lab.network import Network
from tests.lab.senders import Administered

ANN = ("--vouched-by", "Ann <ann@us.test>", "--via", "phone")
"""Who compared a fingerprint, and how."""
NETWORKS = "203.0.113.0/24 2001:db8::/32"
"""The lab's addresses, which are nobody's: dialled because a setting says so."""

Line = dict[str, Any]


class Watcher(Administered):
    """One of them, by its own commands."""

    def fetch(self, *words: str, code: int = 0) -> list[Line]:
        """What is said of each host that was looked at."""
        return _lines(self.trustctl("fetch", *words, "--json", code=code))

    def confirm(self, domain: str, made: Made, code: int = 0) -> str:
        """Fetch a domain with the digits that its peer read out over the phone."""
        return self.trustctl("fetch", domain, "--fingerprint", made.fingerprint, *ANN, code=code)

    def probe(self, *rules: str, of: str, words: tuple[str, ...] = ()) -> list[Line]:
        """Probe a peer or a domain, which has to find exactly what these rules find.

        Returns:
            The lines of the hosts, then those of the findings.
        """
        found = self.ran("probe", of, "--json", *words)
        lines = _lines(found.stdout.decode())
        findings = [one["finding"] for one in lines if "finding" in one]
        assert {one["rule"] for one in findings} == set(rules), findings
        failed = any(one["severity"] != "notice" for one in findings)
        assert found.returncode == int(failed), found.stderr
        return lines

    def pinned(self) -> dict[str, str]:
        """Fingerprint -> state, of every pin in the inventory."""
        return {
            pin["fingerprint"]: pin["state"] for pin in json.loads(self.trustctl("list", "--json"))
        }


def watcher(lab: Lab, name: str) -> Watcher:
    """One of these, who may dial the lab's addresses; the same one for the same name."""

    def make() -> Watcher:
        made = lab.started(Watcher, name)
        made.trustctl("set", "dial_allow", NETWORKS)
        return made

    return lab.sender(name, make)


def connections(network: Network) -> int:
    """How many connections anybody in the network has taken so far (RFC 4022, tcpPassiveOpens)."""
    told = Path(f"/proc/{network.pid}/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in told if line.startswith("Tcp:"))
    return int(values[names.index("PassiveOpens")])


def _lines(told: str) -> list[Line]:
    return [json.loads(line) for line in told.splitlines() if line.startswith("{")]
