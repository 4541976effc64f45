"""What a Postfix needs to ask who sends as a protected domain: in main.cf, master.cf and beside.

A program of ours answers, which Postfix's own spawn(8) runs (postfix_policy.py): tables can tell a
certificate, or a domain, but not which certificate is for which domain (ADR 13).
"""

from __future__ import annotations

import os
import pwd
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from trustctl import files
from trustctl.errors import NotEnforcedError
from trustctl.export.exim_server import TEXT
from trustctl.export.postfix_server import parse
from trustctl.publish import postfix_policy
from trustctl.publish.postfix_policy import HEADER, WORD
from trustctl.publish.postfix_site import Site

PROGRAM, MARKS, MADE_FOR = "senders.py", "marks", "word.of"
FILES = (PROGRAM, WORD, MARKS, MADE_FOR)
SERVICE = "trustctl/unix"
SOCKET = "private/trustctl"
USER = "nobody"
RELAY = "smtpd_relay_restrictions"
RESTRICTIONS = {
    "smtpd_sender_restrictions": ("sender",),
    "smtpd_data_restrictions": ("data", "log"),
    RELAY: ("relay",),
}
"""The lists that begin with a question of ours, and what is asked there."""
ASKS, SERVER_DIGEST = "smtpd_tls_ask_ccert", "smtpd_tls_fingerprint_digest"
HEADERS, NESTED = "header_checks", "nested_header_checks"
PARAMETERS = (*RESTRICTIONS, ASKS, SERVER_DIGEST, HEADERS, NESTED)
_PYTHON = "/usr/bin/python3"


def question(context: str) -> str:
    """How a list of restrictions asks our program."""
    return f"check_policy_service {{ unix:{SOCKET}, policy_context={context} }}"


def questions(name: str) -> str:
    """What one of the lists begins with."""
    return ", ".join(map(question, RESTRICTIONS[name]))


def said(found: Site) -> dict[str, dict[str, str]]:
    """What the generation in force says of each domain; empty where nobody is asked anything."""
    try:
        return parse((found.root / "current" / TEXT).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}


def serves(root: Path) -> bool:
    """Whether a Postfix's configuration asks the generation in force who may send."""
    return (root / "live" / PROGRAM).is_file()


def wanted(found: Site) -> dict[str, str]:
    """What main.cf has to say; nothing where nobody is asked anything. What was there follows ours.

    Raises:
        NotEnforcedError: Postfix cannot be asked.
    """
    begin = ours(found)
    if not begin:
        return {}
    given = found.postfix.given(*PARAMETERS)
    told = {ASKS: "yes", SERVER_DIGEST: "sha256"}
    for name, first in begin.items():
        others = without(found, name, given.get(name, ""))
        if name == RELAY and name not in given:
            others = found.postfix.values(name)[name]
        told[name] = ", ".join([first, *([others] if others else [])])
    # what is in a mail that is sent on as an attachment stays as it was signed
    told[NESTED] = given.get(NESTED, without(found, HEADERS, given.get(HEADERS, "")))
    return told


def ours(found: Site) -> dict[str, str]:
    """What each list has to begin with, by its name; nothing where nobody is asked anything."""
    entries = said(found)
    if not entries:
        return {}
    relays = any("relay" in one for one in entries.values())
    names = [one for one in RESTRICTIONS if relays or one != RELAY]
    return {**{one: questions(one) for one in names}, HEADERS: marks(found)}


def marks(found: Site) -> str:
    """The table that takes forged marks out of messages, and makes ours of what is prepended."""
    return f"regexp:{found.live / MARKS}"


def without(found: Site, name: str, value: str) -> str:
    """A parameter's value without what is ours in it."""
    if name == HEADERS:
        ours = [marks(found)]
    else:
        ours = [question(one) for one in RESTRICTIONS.get(name, ())]
    for one in ours:
        value = value.replace(f"{one}, ", "").replace(one, "")
    return value.strip(", ")


def service(found: Site) -> str:
    """The line of master.cf that lets Postfix run our program."""
    return f"trustctl unix - n n - 0 spawn user={USER} argv={' '.join(_command(found))}"


def is_ours(found: Site, line: str) -> bool:
    """Whether a service of master.cf runs our program."""
    return str(found.live / PROGRAM) in line.split()


def _command(found: Site) -> list[str]:
    python = _PYTHON if os.access(_PYTHON, os.X_OK) else os.path.realpath(sys.executable)
    return [python, "-I", "-S", "-B", str(found.live / PROGRAM), str(found.root)]


def place(found: Site) -> bool:
    """Write the program, and a new word for each generation: with it the header is called until
    Postfix took out what came with a message. True where Postfix has to read any of it anew.

    Raises:
        NotEnforcedError: there is no user to run it.
    """
    try:
        group = pwd.getpwnam(USER).pw_gid
    except KeyError:
        raise NotEnforcedError(f"there is no user {USER} to answer as") from None
    files.make_folder(found.live, mode=0o755, group=None)
    changed = refresh(found, always=True)
    number = os.readlink(found.root / "current").encode()
    if _content(found, MADE_FOR) == number and not _word_differs(found):
        return changed
    word = secrets.token_hex(16)
    files.replace(found.live / WORD, f"{word}\n".encode(), mode=0o640, group=group)
    files.replace(found.live / MARKS, _table(word), mode=0o600, group=None)
    files.replace(found.live / MADE_FOR, number, mode=0o600, group=None)
    return True


def refresh(found: Site, *, always: bool = False) -> bool:
    """Write the program where another version of it lies there, or none. False: it is the same."""
    program = Path(postfix_policy.__file__).read_bytes()
    if _content(found, PROGRAM) == program or not (always or serves(found.root)):
        return False
    files.replace(found.live / PROGRAM, program, mode=0o644, group=None)
    return True


def remove(found: Site) -> None:
    """Take away what :func:`place` wrote: nothing asks any more."""
    for name in FILES:
        (found.live / name).unlink(missing_ok=True)


def _content(found: Site, name: str) -> bytes:
    try:
        return (found.live / name).read_bytes()
    except FileNotFoundError:
        return b""


def _table(word: str) -> bytes:
    return (
        "# Written by trustctl. The first takes what our program prepended, under a name that\n"
        "# nobody else knows; the second takes out what came with a message.\n"
        f"/^{HEADER}-{word}:(.*)/ REPLACE {HEADER}:${{1}}\n"
        f"/^{HEADER}[^:]*:/ IGNORE\n"
    ).encode()


def _word_differs(found: Site) -> bool:
    word = _content(found, WORD).decode("ascii", "replace").strip()
    return not word or _content(found, MARKS) != _table(word)


def differences(found: Site) -> list[str]:
    """How what Postfix would do with incoming mail differs from what was exported.

    Raises:
        NotEnforcedError: it cannot be asked.
    """
    entries = said(found)
    if not entries:
        return []
    wrong = []
    if _content(found, PROGRAM) != Path(postfix_policy.__file__).read_bytes():
        wrong.append(f"{found.live / PROGRAM} is not what trustctl wrote")
    if _word_differs(found):
        wrong.append(f"{found.live / MARKS} is not what trustctl wrote: a mark may be forged")
    there = found.postfix.service(SERVICE)
    if there.split() != service(found).split():
        wrong.append(f"master.cf: the service {SERVICE} is not what trustctl wrote")
    return wrong or _trial(found, entries)


def _trial(found: Site, entries: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Run the program as Postfix does, and ask it of every domain: without a certificate, and with
    the first that is pinned."""
    asked: list[dict[str, str]] = []
    expected: list[tuple[str, tuple[str, ...]]] = []
    for domain, entry in entries.items():
        sender = {"sender": f"postmaster@{domain}", "encryption_protocol": "TLSv1.3"}
        asked.append(sender)
        refused = ("451 4.7.5 ", "550 5.7.5 ")
        expected.append((domain, refused if entry["mode"] == "require" else ("DUNNO",)))
        pin, _slash, _end = entry.get("pins", "").partition(":")[0].partition("/")
        if pin:
            asked.append(sender | {"ccert_fingerprint": pin})
            # it may have ended since the export
            expected.append((domain, ("DUNNO", *refused[:1])))
    text = "".join("".join(f"{k}={v}\n" for k, v in one.items()) + "\n" for one in asked).encode()
    try:
        told = found.postfix.converse(_command(found), text, user=USER)
    except NotEnforcedError as error:
        return [f"who may send as which domain is not answered: {error.message}"]
    answers = [one.removeprefix("action=") for one in told.split("\n\n") if one]
    wrong = [
        domain
        for at, (domain, starts) in enumerate(expected)
        if at >= len(answers) or not answers[at].startswith(starts)
    ]
    return [f"{one}: who may send as it is answered otherwise" for one in dict.fromkeys(wrong)][:10]


def unanswered(found: Site) -> list[str]:
    """Whether the Postfix that runs gets no answer."""
    entries = said(found)
    if not entries or not found.postfix.is_running():
        return []
    queue = found.postfix.values("queue_directory")["queue_directory"]
    text = b"".join(
        f"sender=postmaster@{one}\npolicy_context=log\n\n".encode() for one in list(entries)[:1]
    )
    told = found.postfix.answer(Path(queue, SOCKET), text)
    if told.startswith("action=INFO trustctl: "):
        return []
    return ["the Postfix that runs gets no answer who may send: all mail is put off"]
