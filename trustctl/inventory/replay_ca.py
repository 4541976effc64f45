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
        self.certificates: dict[str, str] = {}
        self.crls: dict[tuple[str, int], tuple[Any, ...]] = {}
        self.staples: dict[int, tuple[Any, ...]] = {}
        self.crossings: dict[int, tuple[Any, ...]] = {}

    def apply(self, at: int, actor: str, action: str, subject: str, d: dict[str, Any]) -> None:
        """Apply one entry.

        Raises:
            KeyError, TypeError, ValueError: it tells of something that cannot be.
        """
        match action:
            case "ca.authority":
                self.certificates.update(d["stored"])
                place = (d["hierarchy"], d["kind"], d["number"], d["key"], d["permitted"])
                self.authorities[subject] = (*place, at, d["authority"], None)
            case "ca.retire":
                self.authorities[subject] = (*self.authorities[subject][:7], at)
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
                self.certificates.update(d["stored"])
                self.issued[d["issuance"]] = (subject, at)
            case "ca.revoke":
                if d["issuance"] not in self.issued:
                    raise ValueError(action)
                self.revocations[d["issuance"]] = (at, actor, d["reason"])
            case "ca.cross":
                number, issuance = d["crossing"], d["issuance"]
                if number in self.crossings or (
                    issuance is not None and issuance not in self.issued
                ):
                    raise ValueError(action)
                self.crossings[number] = (
                    subject, d["spki"], issuance, d["permitted"], d["added"], at, actor,
                )  # fmt: skip
            case "ca.staple":
                for number, *told in d["staples"]:
                    if told[0] not in self.issued or number in self.staples:
                        raise ValueError(action)
                    self.staples[number] = tuple(told)
            case "ca.crl":
                if any(key[0] == subject and key[1] >= d["number"] for key in self.crls):
                    raise ValueError(action)
                self.crls[subject, d["number"]] = (
                    d["base"], d["this_update"], d["next_update"], d["sha256"],
                )  # fmt: skip
            case _:
                raise ValueError(action)
