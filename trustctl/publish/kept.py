"""What stood in a Debian's own store before trustctl; kept in DIR/trustctl/kept."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.publish import ca_certificates
from trustctl.publish.ca_certificates import BUNDLE, CONF, LOCAL, SHIPPED, STORE

STATE, BUNDLE_BEFORE, CONF_BEFORE = "state.json", "bundle.before", "conf.before"
"""None ends in ``.crt``: ``update-ca-certificates`` would take it."""
_HASHED = re.compile(r"[0-9a-f]{8}\.r?[0-9]+")


@dataclass(frozen=True, slots=True)
class State:
    """What is known of before.

    Attributes:
        inputs: a hash over all that the store was made of.
        links: the store's links, and where each led.
        replaced: files (base64, mode) that ``update-ca-certificates`` replaces by links.
        selected: the public CAs that were selected; None: they still are.
        wrote: SHA-256 of the configuration as we left it; None where somebody changed it between.
        trusts_new: what debconf was answered, and whether it was asked.
        aside: the local certificates of others that were set aside.
        untold: the links that there were when a run was begun whose hooks have not all ended well;
            None where they have.
    """

    inputs: str = ""
    links: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, tuple[str, int]] = field(default_factory=dict)
    selected: list[str] | None = None
    wrote: str | None = None
    trusts_new: tuple[str, str] | None = None
    aside: list[str] = field(default_factory=list)
    untold: list[str] | None = None


def _folder(root: Path) -> Path:
    return root / "kept"


def exists(root: Path) -> bool:
    """Whether anything is kept."""
    return (_folder(root) / STATE).is_file()


def read(root: Path) -> State:
    """What is kept; of nothing, that nothing was changed.

    Raises:
        TargetError: it is damaged.
    """
    path = _folder(root) / STATE
    try:
        return State(**json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return State()
    except (ValueError, TypeError) as error:
        raise TargetError(
            f"{path} is damaged: it says what was selected before", "restore it from a backup"
        ) from error


def _write(root: Path, state: State) -> None:
    text = json.dumps(asdict(state), indent=1, sort_keys=True).encode()
    _replace(_folder(root) / STATE, text)


def _replace(path: Path, content: bytes) -> None:
    files.replace(path, content, mode=0o600, group=None)


def begin(root: Path) -> bool:
    """Keep how the store is now, once; False where that was done."""
    if exists(root):
        return False
    folder = _folder(root)
    files.make_folder(folder, mode=0o700, group=None)
    files.refuse_unsafe(folder)
    with suppress(FileNotFoundError):
        _replace(folder / BUNDLE_BEFORE, BUNDLE.read_bytes())
    taken = [one.stem for one in (*ca_certificates.shipped_files(), *_local(root))]
    replaced = {}
    for name in taken:
        path = STORE / f"{name}.pem"
        if path.is_file() and not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            replaced[path.name] = (base64.b64encode(path.read_bytes()).decode(), mode)
    _write(root, State(_inputs(root), _links(), replaced))
    return True


def _local(root: Path) -> list[Path]:
    return [one for one, _linked in ca_certificates.local_files() if root not in one.parents]


def _links() -> dict[str, str]:
    return {
        one.name: os.readlink(one.path) for one in sorted(os.scandir(STORE), key=lambda e: e.name)
        if one.is_symlink()
    }  # fmt: skip


def _inputs(root: Path) -> str:
    digest = hashlib.sha256()
    with suppress(FileNotFoundError):
        digest.update(CONF.read_bytes())
    for path in (*ca_certificates.shipped_files(), *sorted(_local(root))):
        digest.update(b"\0" + os.fsencode(path) + b"\0")
        with suppress(OSError):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def remember_selection(
    root: Path, names: Sequence[str], trusts_new: tuple[str, str] | None
) -> None:
    """Keep which public CAs are selected, before they are deselected."""
    _replace(_folder(root) / CONF_BEFORE, CONF.read_bytes())
    _write(root, replace(read(root), selected=list(names), trusts_new=trusts_new))


def wrote(root: Path, old: bytes, new: bytes) -> None:
    """Note what the configuration is about to be, where nobody else has changed it since."""
    known = conf_before(root, old) is not None
    after = hashlib.sha256(new).hexdigest() if known else None
    _write(root, replace(read(root), wrote=after))


def conf_before(root: Path, now: bytes) -> bytes | None:
    """The configuration as it was; None where somebody changed it since."""
    before = (_folder(root) / CONF_BEFORE).read_bytes()
    ours = hashlib.sha256(now).hexdigest() == read(root).wrote
    return before if ours or now == before else None


def names_before(root: Path) -> set[bytes]:
    """All CAs that the configuration named, selected or not."""
    lines = (_folder(root) / CONF_BEFORE).read_bytes().split(b"\n")
    return {one.lstrip(b"!").strip() for one in lines}


def set_aside(root: Path, paths: Sequence[Path]) -> None:
    """Note what is about to be set aside."""
    state = read(root)
    new = [str(one) for one in paths if str(one) not in state.aside]
    if new:
        _write(root, replace(state, aside=[*state.aside, *new]))


def begin_telling(root: Path, names: Sequence[str]) -> set[str]:
    """Note which links there are before a run, beside those that hooks have not been told of."""
    state = read(root)
    untold = {*(state.untold or ()), *names}
    if exists(root):
        _write(root, replace(state, untold=sorted(untold)))
    return untold


def told(root: Path) -> None:
    """All hooks have been told."""
    if exists(root):
        _write(root, replace(read(root), untold=None))


def forget_selection(root: Path) -> None:
    """All of it was given back; how the store was at first stays known."""
    if exists(root):
        _write(root, replace(read(root), selected=None, wrote=None, trusts_new=None, aside=[]))
    (_folder(root) / CONF_BEFORE).unlink(missing_ok=True)


def bring_back(root: Path) -> bool:
    """Make the store to the byte what it was, where it is made of the same as then; else False.

    A bundle that nothing goes into any more is removed: ``update-ca-certificates`` leaves it.
    """
    state, before = read(root), _folder(root) / BUNDLE_BEFORE
    if state.inputs != _inputs(root):
        if not ca_certificates.shipped_files() and not _local(root):
            BUNDLE.unlink(missing_ok=True)
        return False
    if not before.exists():
        BUNDLE.unlink(missing_ok=True)
    elif not BUNDLE.is_file() or BUNDLE.read_bytes() != before.read_bytes():
        files.replace(BUNDLE, before.read_bytes(), mode=0o644, group=None)
    for name, (content, mode) in state.replaced.items():
        path = STORE / name
        if path.is_symlink() or not path.exists():
            files.replace(path, base64.b64decode(content), mode=mode, group=None)
    now = _links()
    for name, to in state.links.items():
        path = STORE / name
        made = _HASHED.fullmatch(name) or to.startswith((str(SHIPPED), str(LOCAL)))
        if made and now.get(name) != to and (name in now or not os.path.lexists(path)):
            files.point(path, to)
    for name in now.keys() - state.links.keys():
        # to hash a bundle of one certificate, as `openssl rehash` does, leaves a link that stays
        hashed = _HASHED.fullmatch(name) and now[name] == BUNDLE.name
        if hashed or not (STORE / name).exists():
            (STORE / name).unlink(missing_ok=True)
    return True


def remove(root: Path) -> None:
    """Forget all of it."""
    shutil.rmtree(_folder(root), ignore_errors=True)
