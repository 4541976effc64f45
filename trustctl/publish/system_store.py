"""Puts a generation in force in a Debian's own store, and gives back what was there before.

DIR/trustctl/live has a link for each certificate of the generation in force: the names end in
``.crt``, as ``update-ca-certificates`` wants them, and lead through ``current``, so that what has
gone out of the generation leads nowhere at once. What stood there before is in DIR/trustctl/kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trustctl import files
from trustctl.errors import NotEnforcedError, TargetError
from trustctl.export.debian import FOLDER, ONLY_PEERS, SELECTION
from trustctl.publish import ca_certificates, kept
from trustctl.publish.ca_certificates import BEGUN, CONF, LOCAL, STORE
from trustctl.publish.saved import save

ASIDE = ".trustctl-aside"
"""What the name of somebody else's local certificate ends in while only the peers are trusted."""
_LINK = "../current/" + FOLDER


@dataclass(frozen=True, slots=True)
class System:
    """The system's store, and what is ours of it.

    Attributes:
        root: DIR/trustctl.
    """

    root: Path

    @property
    def live(self) -> Path:
        """The folder that ``update-ca-certificates`` finds our certificates in."""
        return self.root / "live"

    @property
    def certificates(self) -> Path:
        """The certificates of the generation in force."""
        return self.root / "current" / FOLDER

    @property
    def only_peers(self) -> bool:
        """Whether the generation in force is to be alone in the store."""
        return (self.root / "current" / SELECTION).read_bytes() == ONLY_PEERS

    def links(self) -> dict[str, str]:
        """The names that ought to be in ``live``, and where each leads."""
        return {
            f"trustctl-{one.removesuffix('.pem')}.crt": f"{_LINK}/{one}"
            for one in sorted(os.listdir(self.certificates))
        }

    def strangers(self) -> list[Path]:
        """Local certificates of others."""
        ours = {self.live / one for one in self.links()}
        return [path for path, _linked in ca_certificates.local_files() if path not in ours]


def refuse_unusable(directory: Path) -> None:
    """Refuse what ``update-ca-certificates`` would not read, and a machine without it.

    Raises:
        TargetError: it is so.
    """
    if directory != LOCAL:
        raise TargetError(
            f"{directory}: the system's store is made of {LOCAL} alone",
            f"trustctl export --to {LOCAL} --format debian",
        )
    if not ca_certificates.installed():
        raise TargetError(
            "there is no update-ca-certificates on this machine", "apt install ca-certificates"
        )
    if not CONF.is_file():
        raise TargetError(f"{CONF} is not there", "dpkg-reconfigure ca-certificates")


def pending(found: System) -> list[str]:
    """What is not as an export leaves it before it runs ``update-ca-certificates``, in sentences of
    our own but for file names."""
    wrong = []
    if _live(found) != found.links():
        wrong.append(f"{found.live} does not hold what was exported")
    if os.path.lexists(BEGUN):
        wrong.append(f"{BEGUN}: left by a run that was killed; the next bundle would hold it")
    if not found.only_peers:
        return wrong
    count = len(selected())
    if count:
        wrong.append(f"{CONF} selects {count} CAs")
    return wrong + [f"{one} is none of trustctl's" for one in found.strangers()]


def selected() -> list[str]:
    """The CAs that are selected, as the configuration names them."""
    lines = _conf().split(b"\n")
    return [os.fsdecode(one.strip()) for one in lines if ca_certificates.is_selected(one)]


def _conf() -> bytes:
    try:
        return CONF.read_bytes()
    except FileNotFoundError:
        return b""


def _live(found: System) -> dict[str, str]:
    try:
        names = sorted(os.listdir(found.live))
    except FileNotFoundError:
        return {}
    return {
        one: os.readlink(found.live / one) if (found.live / one).is_symlink() else ""
        for one in names
    }


def apply(found: System, look: Callable[[], list[str]]) -> list[str] | None:
    """Let the system's store hold what was exported; read it back.

    Args:
        look: reads the store back; what is in it and should not be, or is not and should.

    Returns:
        Remarks of our own words; None where there was nothing to do.

    Raises:
        NotEnforcedError: the store still holds something else, or a program failed.
        TargetError: a file cannot be written.
    """
    with files.explained(found.root), files.locked(found.root / "lock"):
        first = kept.begin(found.root)
        remarks = _select(found)
        behind = bool(first or remarks or pending(found) or kept.read(found.root).untold)
        if not behind and not look():
            return None
        _write_live(found)
        BEGUN.unlink(missing_ok=True)
        failed = run(found, fresh=any(not one.exists() for one in pems()))
        if look():
            BEGUN.unlink(missing_ok=True)
            failed = run(found, fresh=True)  # another run may have been under way
        wrong = look()
    if wrong:
        raise NotEnforcedError(
            "the data is written, but the system's store is NOT what was exported",
            "mend that, then export again",
            details=wrong[:20],
        )
    refuse_failed(failed)
    return remarks


def refuse_failed(hooks: list[str]) -> None:
    """Say that somebody's copy of the store may be the old one.

    Raises:
        NotEnforcedError: a hook failed.
    """
    if hooks:
        raise NotEnforcedError(
            "the system's store is right, but what hooks make of it may be the old one: "
            f"{', '.join(dict.fromkeys(hooks))} failed",
            "run update-ca-certificates to see why (Java's cacerts is made by such a hook)",
        )


def pems() -> list[Path]:
    """The store's links that ``update-ca-certificates`` makes."""
    return [one for one in sorted(STORE.glob("*.pem")) if one.is_symlink()]


def run(found: System, *, fresh: bool) -> list[str]:
    """Run it, and tell the hooks what has gone, now or in a run that did not come to its end.
    Returns the hooks that failed."""
    _sweep()
    again = kept.read(found.root).untold is not None
    before = kept.begin_telling(found.root, [str(one) for one in pems()])
    failed = ca_certificates.update(fresh=fresh)
    if fresh or again:
        gone = sorted(before - {str(one) for one in pems()})
        failed += ca_certificates.tell_hooks([Path(one) for one in gone])
    if not failed:
        kept.told(found.root)
    return failed


def _write_live(found: System) -> None:
    files.make_folder(found.live, mode=0o755, group=None)
    files.refuse_unsafe(found.live)
    there, wanted = _live(found), found.links()
    for name in there.keys() - wanted.keys():
        path = found.live / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name, to in wanted.items():
        if there.get(name) != to:
            files.point(found.live / name, to)


def _select(found: System) -> list[str]:
    """Deselect the public CAs and set others' certificates aside, or the other way round."""
    state = kept.read(found.root)
    if not found.only_peers:
        return [] if state.selected is None else restore(found)
    remarks = []
    names = selected()
    if names or state.selected is None:
        if state.selected is None:
            kept.remember_selection(found.root, names, ca_certificates.trusts_new())
        lines = _conf().split(b"\n")
        new = b"\n".join(
            b"!" + one.lstrip() if ca_certificates.is_selected(one) else one for one in lines
        )
        kept.wrote(found.root, _conf(), new)
        _write_conf(new)
        if names:
            remarks.append(f"{len(names)} public CAs were deselected in {CONF}")
    answer = ca_certificates.trusts_new()
    if answer is not None and answer[0] != "no" and ca_certificates.set_trusts_new("no", "true"):
        remarks.append("a CA that an upgrade brings will not be selected by it")
    aside = [
        one
        for one, linked in ca_certificates.local_files()
        if not linked and found.root not in one.parents
    ]
    kept.set_aside(found.root, aside)
    for one in aside:
        os.rename(one, f"{one}{ASIDE}")
        remarks.append(f"{one} was set aside: it is none of trustctl's")
    return remarks


def _names(conf: bytes) -> set[bytes]:
    return {one[1:].strip() for one in conf.split(b"\n") if one[:1] == b"!"}


def _write_conf(content: bytes) -> None:
    _sweep()
    now = save(CONF)
    if now.content != content:
        files.replace(CONF, content, mode=now.mode, group=now.group, owner=now.owner)


def _sweep() -> None:
    """Remove what killed runs of ours left half-written where others read."""
    for one in (*files.leftovers(CONF.parent), *files.leftovers(STORE)):
        if one.is_symlink() or one.is_file():
            one.unlink(missing_ok=True)


def restore(found: System) -> list[str]:
    """Select again exactly what was selected before, and bring back what was set aside."""
    state = kept.read(found.root)
    remarks = []
    now = _conf()
    if state.selected is not None and CONF.is_file():
        new = kept.conf_before(found.root, now)
        if new is None:
            names = {os.fsencode(one) for one in state.selected}
            new = b"\n".join(
                one[1:] if one[:1] == b"!" and one[1:].strip() in names else one
                for one in now.split(b"\n")
            )
        _write_conf(new)
        remarks.append(f"{len(selected())} public CAs are selected again in {CONF}")
        later = _names(new) - kept.names_before(found.root)
        if later:
            how = "dpkg-reconfigure ca-certificates"
            remarks.append(f"{len(later)} CAs came since and are not selected: {how}")
    for name in state.aside:
        path = Path(name)
        if os.path.lexists(f"{path}{ASIDE}") and not os.path.lexists(path):
            os.rename(f"{path}{ASIDE}", path)
            remarks.append(f"{path} is back")
        elif os.path.lexists(f"{path}{ASIDE}"):
            remarks.append(f"{path}{ASIDE} stays: another one has taken its name")
    if state.trusts_new is not None:
        ca_certificates.set_trusts_new(*state.trusts_new)
    kept.forget_selection(found.root)
    return remarks


def withdraw(found: System) -> list[str]:
    """Take all that is ours out of the store; it is to the byte what it was where nothing else
    changed since. Returns remarks of our own words.

    Raises:
        NotEnforcedError: a program failed, or ours is still in the store.
        TargetError: a file cannot be written.
    """
    if not found.live.is_dir() and not kept.exists(found.root):
        return []
    with files.explained(found.root), files.locked(found.root / "lock"):
        remarks = restore(found)
        shutil.rmtree(found.live, ignore_errors=True)
        BEGUN.unlink(missing_ok=True)
        failed: list[str] = []
        broken: NotEnforcedError | None = None
        try:
            if ca_certificates.installed():
                failed = run(found, fresh=True)
        except NotEnforcedError as error:
            broken = error
        if not kept.bring_back(found.root) and broken is not None:
            raise broken
        kept.remove(found.root)
    refuse_failed(failed)
    return remarks
