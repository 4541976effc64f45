"""Postfix under proof: the installed programs and configuration, with a queue and a log of its own.

A Postfix remembers: which hosts were dead, which sessions could be resumed, which connections are
open. So each attempt has one that was just started (some hundredths of a second), with nothing in
its queue.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.export.postfix import ANCHORS, POLICY, SPELLINGS, SPELLINGS_TEXT, anchor_name
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.proof import Attempt, Damage, Outcome
from trustctl.prove import installed, maillog
from trustctl.prove.instance import QUEUES, Instance
from trustctl.prove.nameserver import RESOLVER
from trustctl.prove.namespace import NETWORK, Stage
from trustctl.publish import postconf, postfix
from trustctl.publish.postfix_site import MAPS, PLAIN, UTF8, Site, site

_STORES = ("smtp_tls_CApath", "smtp_tls_CAfile")
_BY_SENDER = ("sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps")
_ASKED = (
    "queue_directory", "data_directory", "daemon_directory", "command_directory", "sendmail_path",
    "master_service_disable", UTF8, *_STORES, *_BY_SENDER,
)  # fmt: skip
_EMPTY = ("content_filter", "non_smtpd_milters", "always_bcc", "sender_bcc_maps",
          "recipient_bcc_maps", "notify_classes")  # fmt: skip
"""Who is asked about mail, or told of it, beside its delivery: that is no mail to a partner."""
_LOGGER = "postlog unix-dgram n - n - 1 postlogd"
_HINT = "trustctl export --format postfix --to {} --reload"


class Postfix:
    """One Postfix, inside the namespace."""

    elsewhere = True

    def __init__(self, program: str) -> None:
        """Ask it where it keeps what.

        Raises:
            NotEnforcedError: it cannot be asked, or refuses its configuration.
        """
        os.environ["PATH"] = f"{Path(program).parent}:{os.environ.get('PATH', '')}"
        self._directory = installed.configuration(program)
        self._postfix = postconf.Postfix(self._directory)
        self._values = values = self._postfix.values(*_ASKED)
        self._instance = Instance(
            self._directory,
            Path(values["queue_directory"]),
            Path(values["data_directory"]),
            Path(values["command_directory"]),
            Path(values["daemon_directory"]),
            values["sendmail_path"],
        )
        found = installed.data(program)
        self._kind = "" if found is None else found[1]
        self._site = None if found is None else replace(site(found[0]), postfix=self._postfix)
        self._chrooted = any(chrooted for _name, chrooted in self._postfix.clients())
        self._strays: dict[str, None] = {}
        self._written = 0

    def cover(self, stage: Stage) -> None:
        """Its queue and what it remembers become empty ones, its configuration a copy."""
        if not self._instance.queue.is_dir():
            raise NotEnforcedError(f"{self._instance.queue} is not there", "postfix check")
        if not (self._instance.daemons / "postlogd").is_file():
            raise NotEnforcedError("this Postfix writes no log of its own: it is older than 3.4")
        stage.skeleton(str(self._instance.queue), QUEUES)
        stage.empty(str(self._instance.data))
        stage.copy(str(self._directory))
        if self._site is not None:
            above = Path(os.path.realpath(self._site.root)).parents
            if Path(os.path.realpath(self._directory)) not in above and self._site.root.is_dir():
                stage.copy(str(self._site.root))
        if self._chrooted:
            (self._instance.queue / "etc").mkdir(exist_ok=True)
            (self._instance.queue / "etc/resolv.conf").write_bytes(RESOLVER)
        folder = stage.scratch("log")
        folder.mkdir()
        self._instance.log = folder / "maillog"
        self._override(folder)

    def _override(self, folder: Path) -> None:
        """What of its configuration is set otherwise, in the copy: share/doc/prove.md names it."""
        disabled = f"{self._values['master_service_disable']} inet".strip()
        self._postfix.set(
            {
                "maillog_file": str(self._instance.log),
                "maillog_file_prefixes": str(folder),
                "inet_interfaces": "loopback-only",
                "master_service_disable": disabled,
                **dict.fromkeys(_EMPTY, ""),
            }
        )
        _age(self._postfix.main)
        for one in self._postfix.overrides():
            if one.rpartition("/")[2] in _EMPTY:
                self._postfix.run("postconf", "-P", f"{one}=")
        services = [one.split()[:2] for one in self._postfix.run("postconf", "-M").splitlines()]
        if ["postlog", "unix-dgram"] not in services:
            self._postfix.run("postconf", "-M", f"postlog/unix-dgram={_LOGGER}")

    def stores(self) -> list[str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        named = [self._values[one] for one in _STORES]
        for one, value in self._postfix.overrides().items():
            if one.rpartition("/")[2] in _STORES:
                named.append(value)
        inside = [str(self._instance.queue / one.lstrip("/")) for one in named if one]
        return [one for one in (*named, *inside) if one]

    def problems(self) -> list[str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        found = []
        if self._site is None:
            found.append(f"{MAPS} names no table of trustctl's: {_HINT.format(self._directory)}")
        found += [
            f"{one} is set: mail of some senders is taken elsewhere, and that was not played"
            for one in _BY_SENDER
            if self._values[one]
        ]
        return found + list(self._strays)

    def differences(self, installed: Mapping[str, str]) -> list[str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        if self._site is None:
            return []
        hint = _HINT.format(self._site.root.parent)
        try:
            told = self._postfix.look_up(f"{self._kind}:{self._site.text}", installed)
        except NotEnforcedError as error:
            return [f"the table in force cannot be read: {error.message.splitlines()[0]}: {hint}"]
        found = []
        for domain, value in installed.items():
            if told.get(domain) != value:
                found.append(
                    f"{domain}: the table in force is not what the inventory comes to: {hint}"
                )
            elif not _has_anchor(value, self._anchors(self._site)):
                found.append(f"{domain}: its authority's file is gone or was changed: {hint}")
        return found

    @staticmethod
    def _anchors(found: Site) -> list[Path]:
        """Where clients find anchors: outside of a chroot, and inside."""
        inside = postfix.chroots(found)
        return [found.root / "current" / ANCHORS, *([] if inside is None else [inside])]

    def lacks(self, attempt: Attempt) -> str:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        if attempt.attack == "spelling" and self._values[UTF8] != "yes":
            return "this Postfix takes no address in letters beyond ASCII"
        if attempt.kind == "throwaway" and self._site is None:
            return f"{MAPS} names no table of trustctl's, where a throwaway certificate could stand"
        return ""

    def put(self, peers: Sequence[CompiledPeer], lists: Mapping[str, str]) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says: the table is made by what ``export`` makes it
        with. Postfix reads no revocation list."""
        if self._site is None:
            return  # see lacks()
        self._written += 1
        made = self._site.root / "generations" / f"prove-{self._written}"
        (made / ANCHORS).mkdir(parents=True)
        entries = dict(sorted(entry for one in peers for entry in one.entries))
        text = "".join(f"{domain} {value}\n" for domain, value in entries.items())
        (made / POLICY).write_text(text, "utf-8")
        (made / SPELLINGS).write_bytes(SPELLINGS_TEXT)
        for name, content in (each for one in peers for each in one.sets):
            (made / ANCHORS / name).write_bytes(content)
        link = self._site.root / "prove-link"
        link.symlink_to(made.relative_to(self._site.root))
        os.replace(link, self._site.root / "current")
        for one in self._site.live.glob(f"{POLICY}*"):  # postmap takes its time over a broken one
            one.unlink()
        postfix.publish(self._site)
        if self._kind not in (self._site.map_type(), PLAIN):
            self._postfix.compile(self._kind, self._site.text)
        _age(self._site.text)

    def damage(self, how: Damage) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        if self._site is None:
            return  # see lacks()
        if how == "no-set":
            for folder in self._anchors(self._site):
                shutil.rmtree(folder, ignore_errors=True)
            return
        text = self._site.text
        made = [text] if self._kind == PLAIN else [
            one for one in text.parent.iterdir() if one.name.startswith(f"{text.name}.")
        ]  # fmt: skip
        for one in made:
            if how == "missing":
                one.unlink()
            else:
                one.write_bytes(b"\0" * (one.stat().st_size if how == "broken" else 0))

    def send(self, recipients: Sequence[str]) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        self._instance.send(recipients)

    def run_queue(self) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        self._instance.flush()

    def forget(self) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        self._instance.restart()

    def outcome(self, recipient: str) -> Outcome:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        text, wanted = self._instance.logged(), recipient.lower()
        self._notice(text)
        found = maillog.fates(text)
        mine = [one for one in found if wanted in one.addresses]
        lines = tuple(dict.fromkeys(one.line for one in mine or found)) or tuple(
            maillog.broken(text) or text.splitlines()[-2:]
        )
        statuses = {one.status for one in mine}
        if "sent" in statuses:
            return Outcome("delivered", lines)
        if "bounced" in statuses or {one.queue for one in mine} & maillog.expired(text):
            return Outcome("bounced", lines)
        if "deferred" in statuses or wanted in self._instance.waiting():
            return Outcome("deferred", lines)
        return Outcome("nothing", lines)

    def _notice(self, text: str) -> None:
        """Keep in mind whom Postfix would have given the mail to if he had answered."""
        played = ipaddress.ip_network(NETWORK)
        for host, address, port in sorted(maillog.calls(text)):
            if port == 25 and ipaddress.ip_address(address) in played:
                continue
            self._strays[
                f"mail is taken to {host}[{address}]:{port}, which nobody's DNS names: a relay, a "
                "fallback or a transport leads past the policy"
            ] = None

    def kept(self) -> dict[str, str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        configured = {
            one: (self._directory / one).read_text("utf-8", "replace")
            for one in ("main.cf", "master.cf")
        }
        return {
            **configured,
            "maillog": "".join([*self._instance.history, self._instance.logged()]),
        }


def _age(path: Path) -> None:
    """Let a file be from yesterday: Postfix waits a second or two before it reads a new one."""
    then = path.stat().st_mtime - 86400
    os.utime(path, (then, then))


def _has_anchor(value: str, folders: Iterable[Path]) -> bool:
    """Whether the anchor that a policy names has the content that its own name says."""
    name = value.rpartition(f"/{ANCHORS}/")[2] if " tafile=" in value else ""
    return not name or all(
        (folder / name).is_file() and anchor_name((folder / name).read_bytes()) == name
        for folder in folders
    )
