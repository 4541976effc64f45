"""Puts a generation in force in a Postfix: its policy as a table, and main.cf that names it.

The table lies in DIR/trustctl/live, beside the text that it was made of, and is replaced by a
rename: a running client sees that its file is gone, and opens the new one. main.cf is changed by
``postconf -e`` alone, and what stood there before is kept for ``uninstall``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from trustctl import files
from trustctl.errors import NotEnforcedError
from trustctl.export.postfix import ANCHORS, POLICY, parse
from trustctl.publish import postfix_receiving
from trustctl.publish.postfix_main import BEFORE, MASTER_BEFORE, STATE, configure, undo
from trustctl.publish.postfix_site import MAPS, PLAIN, Site
from trustctl.publish.saved import restore, save

_KEPT = (STATE, BEFORE, MASTER_BEFORE, *postfix_receiving.FILES)
"""What comes back with main.cf where Postfix would not do what was exported."""


def publish(found: Site) -> bool:
    """Make the table of the generation in force, and the copies of its anchors that a client in its
    chroot reads; False where it is there already.

    Raises:
        NotEnforcedError: Postfix does not take it; what was there still is.
        TargetError: a file cannot be written.
    """
    with files.explained(found.root), files.locked(found.root / "lock"):
        return _publish(found)


def _publish(found: Site) -> bool:
    with files.explained(found.root):
        postfix_receiving.refresh(found)
        wanted = (found.root / "current" / POLICY).read_bytes()
        _mirror(found)
        if found.text.is_file() and found.text.read_bytes() == wanted and _is_made(found, wanted):
            return False
        files.make_folder(found.live, mode=0o755, group=None)
        files.refuse_unsafe(found.live)
        for one in files.leftovers(found.live):
            shutil.rmtree(one, ignore_errors=True)
        scratch = found.live / f"{files.TEMPORARY}table-{os.getpid()}"
        scratch.mkdir(mode=0o700)
        try:
            files.create(scratch / POLICY, [wanted], mode=0o644, group=None)
            kind = found.map_type()
            if kind != PLAIN:
                found.postfix.compile(kind, scratch / POLICY)
            made = sorted(os.listdir(scratch), reverse=True)  # the table before its text
            for name in made:
                (scratch / name).chmod(0o644)
                files.sync(scratch / name)
                os.replace(scratch / name, found.live / name)
            files.sync(found.live)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return True


def _is_made(found: Site, text: bytes) -> bool:
    """Whether the table says what its text says."""
    try:
        wanted = parse(text)
        return found.postfix.look_up(found.table(), wanted) == wanted
    except NotEnforcedError:
        return False


def chroots(found: Site) -> Path | None:
    """Where chrooted clients find the anchors; None where no client is chrooted.

    Raises:
        NotEnforcedError: Postfix cannot be asked.
    """
    if not any(chrooted for _name, chrooted in found.postfix.clients()):
        return None
    queue = found.postfix.values("queue_directory")["queue_directory"]
    return Path(queue, str(found.root / "current" / ANCHORS).lstrip("/"))


def _mirror(found: Site) -> None:
    anchors = found.root / "current" / ANCHORS
    inside = chroots(found)
    if inside is None or not anchors.is_dir():
        return
    for folder in [*reversed(inside.parents), inside]:
        if not folder.exists():
            files.make_folder(folder, mode=0o755, group=None)
    for one in sorted(anchors.iterdir()):
        if not (inside / one.name).is_file():
            files.replace(inside / one.name, one.read_bytes(), mode=0o644, group=None)


def apply(found: Site, policies: Mapping[str, str]) -> list[str]:
    """Put the generation in force: the table, main.cf, a reload; then ask Postfix.

    Args:
        policies: domain -> what the table has to say of it.

    Returns:
        Remarks of our own words.

    Raises:
        NotEnforcedError: Postfix would do something else; main.cf is as it was then.
        TargetError: a file cannot be written; all is as it was then.
    """
    if not found.postfix.main.is_file():
        raise NotEnforcedError(f"{found.postfix.directory} holds no main.cf", "--to /etc/postfix")
    with files.explained(found.root), files.locked(found.root / "lock"):
        return _apply(found, policies)


def _apply(found: Site, policies: Mapping[str, str]) -> list[str]:
    _publish(found)
    places = [found.postfix.main, found.postfix.master]
    places += [found.live / one for one in _KEPT]
    before = tuple(save(one) for one in places)
    running = found.postfix.is_running()
    reloaded = False
    try:
        receives = bool(postfix_receiving.said(found))
        if receives:
            postfix_receiving.place(found)
        remarks = configure(found)
        _refuse(differences(found, policies))
        if running:
            reloaded = True
            found.postfix.reload()
            _refuse(postfix_receiving.unanswered(found))
        else:
            remarks.append("Postfix does not run: it will read this when it is started")
        if not receives:
            postfix_receiving.remove(found)
    except BaseException:
        if any(save(one.path).content != one.content for one in before):
            restore(before)
            if reloaded:
                found.postfix.reload()
        raise
    return remarks


def _refuse(wrong: list[str]) -> None:
    if wrong:
        raise NotEnforcedError(
            "Postfix would not do what was exported; main.cf is as it was",
            "mend that in Postfix's configuration, then export again",
            details=wrong,
        )


def withdraw(found: Site) -> bool:
    """Take our table out of main.cf, and what we wrote away: main.cf is to the byte what it was
    where nobody else changed it since. False where there was nothing.

    Raises:
        NotEnforcedError: Postfix cannot be asked.
        TargetError: a file cannot be written.
    """
    if not found.live.is_dir():
        return False
    with files.explained(found.root), files.locked(found.root / "lock"):
        if undo(found) and found.postfix.is_running():
            found.postfix.reload()
        _unmirror(found)
        shutil.rmtree(found.live)
    return True


def _unmirror(found: Site) -> None:
    with suppress(NotEnforcedError):
        queue = Path(found.postfix.values("queue_directory")["queue_directory"])
        inside = Path(queue, str(found.root / "current" / ANCHORS).lstrip("/"))
        if inside.is_dir():
            for one in inside.iterdir():
                one.unlink()
        for folder in [inside, *inside.parents]:
            if folder == queue:
                break
            with suppress(OSError):
                folder.rmdir()


def notices(found: Site) -> list[str]:
    """What is not so for everybody who sends to us, and should be known.

    Raises:
        NotEnforcedError: Postfix cannot be asked.
    """
    from trustctl.publish.postfix_server_answers import notices as of_server

    begin = postfix_receiving.ours(found)
    return of_server(found.postfix, begin) if begin else []


def differences(found: Site, policies: Mapping[str, str]) -> list[str]:
    """In which ways Postfix would not hold mail to what was exported, in sentences of our own.

    Raises:
        NotEnforcedError: it cannot be asked.
    """
    from trustctl.publish.postfix_answers import differences as compared

    if not found.text.is_file():
        return [f"{found.text} is not there: the table has not been made"]
    wrong = compared(found.postfix, found.wanted()[MAPS], policies, chroots(found), found.root)
    if postfix_receiving.said(found):
        from trustctl.publish.postfix_server_answers import differences as of_server

        wrong += of_server(found.postfix, postfix_receiving.ours(found))
        wrong += postfix_receiving.differences(found)
    return wrong
