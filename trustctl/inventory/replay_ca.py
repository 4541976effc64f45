"""Replays the private CA's journal entries: what its tables must hold."""

from __future__ import annotations

from typing import Any


class ReplayCa:
    """The state that the entries applied so far amount to, keyed as the tables are."""

    def __init__(self) -> None:
        self.authorities: dict[str, tuple[Any, ...]] = {}
        self.requests: dict[str, tuple[Any, ...]] = {}
        self.issuances: dict[int, tuple[Any, ...]] = {}
        self.issued: dict[int, tuple[Any, ...]] = {}
        self.revocations: dict[int, tuple[Any, ...]] = {}
        self.crls: dict[tuple[str, int], tuple[Any, ...]] = {}

    def apply(self, at: int, actor: str, action: str, subject: str, d: dict[str, Any]) -> None:
        """Apply one entry.

        Raises:
            KeyError, TypeError, ValueError: it tells of something that cannot be.
        """
        match action:
            case "ca.authority":
                place = (d["hierarchy"], d["kind"], d["number"], d["key"], d["permitted"])
                self.authorities[subject] = (*place, at, None)
            case "ca.retire":
                self.authorities[subject] = (*self.authorities[subject][:6], at)
            case "ca.request":
                self.requests[subject] = (
                    d["hierarchy"], d["subject"], d["permitted"], d["public_key"], d["key"], at,
                    actor,
                )  # fmt: skip
            case "ca.reserve":
                self.issuances[d["issuance"]] = (
                    d["issuer"], subject, d["tbs_sha256"], d["profile"], d["subject"], d["hosts"],
                    d["spki"], d["not_before"], d["not_after"], at, actor,
                )  # fmt: skip
            case "ca.issue":
                if d["issuance"] not in self.issuances or d["issuance"] in self.issued:
                    raise ValueError(action)
                self.issued[d["issuance"]] = (subject, at)
            case "ca.revoke":
                if d["issuance"] not in self.issued:
                    raise ValueError(action)
                self.revocations[d["issuance"]] = (at, actor, d["reason"])
            case "ca.crl":
                self.crls[subject, d["number"]] = (
                    d["base"], d["this_update"], d["next_update"], d["sha256"],
                )  # fmt: skip
            case _:
                raise ValueError(action)

    def certificates(self) -> set[str]:
        """The fingerprints of all certificates that were stored."""
        return set(self.authorities) | {one[0] for one in self.issued.values()}
