"""Puts our configuration in force: tried beside Exim's own first, asked of Exim itself, then live.

Nothing that Exim reads is touched before a trial of the whole configuration has passed. What fails
afterwards brings back every byte that was there.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trustctl import files
from trustctl.errors import NotEnforcedError, TargetError
from trustctl.facts.mta import EximSite, MtaState
from trustctl.publish import configuration, mta, receiving
from trustctl.publish.answers import differences
from trustctl.publish.debian import SETTINGS, TEMPLATE, assignments
from trustctl.publish.mta import binary

_MACROS = "exim4.conf.localmacros"
_GENERATED = ("split", "unsplit")


def apply(found: EximSite, texts: Mapping[str, str], *, group: int | None) -> list[str]:
    """Put our configuration in force: try, write, generate, ask Exim, reload.

    Args:
        group: who may read what is new (``debian.exim_group``).

    Returns:
        Remarks of our own words.

    Raises:
        NotEnforcedError: Exim refuses it, or would do something else. All is as it was then, but
            for the snippets where the texts have no place in this configuration.
        TargetError: a file cannot be written; all is as it was then.
    """
    with _locked(found):
        wanted = configuration.planned(found, texts)
        if found.obstacle is not None:
            configuration.write(wanted, group=group)
            if found.live and by_hand(found, texts):
                return ["Exim's configuration holds trustctl's router and transport already"]
            raise not_effective(found)
        _refuse_overruled(found)
        if binary() is None or mta.generator() is None:
            raise NotEnforcedError("Debian's Exim is not installed here", "apt install exim4")
        with trial(found, wanted) as generated:
            _demand(differences(texts, generated))
            if found.live:
                return _go_live(found, texts, wanted, generated, group)
        configuration.write(wanted, group=group)
    raise NotEnforcedError(
        f"the configuration is written, and a trial of it passed, but {found.directory} is not the "
        "folder that the installed Exim reads: nothing was reloaded",
        "export to /etc/exim4, or leave --reload out",
    )


def _go_live(
    found: EximSite,
    texts: Mapping[str, str],
    wanted: Mapping[Path, bytes | None],
    tried: str,
    group: int | None,
) -> list[str]:
    exim = str(binary())
    generated = configuration.save(mta.GENERATED)
    before = configuration.write(wanted, group=group)
    try:
        if before or _said(generated.content) != _said(Path(tried).read_bytes()):
            mta.regenerate()
        _demand(differences(texts))
        remarks = mta.reload(exim)
    except BaseException:
        configuration.restore((*before, generated))
        raise
    if found.configtype != "internet":
        remarks.append(
            f"Exim is set up as {found.configtype}, but trustctl's router was in its configuration "
            "and stays first: mail to protected domains goes straight to their own hosts"
        )
    return remarks


def _said(content: bytes | None) -> list[bytes] | None:
    """A generated configuration without its comments, which name the folder it was made from."""
    lines = None if content is None else content.splitlines()
    return None if lines is None else [one for one in lines if not one.lstrip().startswith(b"#")]


def by_hand(found: EximSite, texts: Mapping[str, str]) -> bool:
    """Whether the configuration that Exim reads does what our texts say, without our doing."""
    if found.layout != "handwritten" or binary() is None:
        return False
    try:
        return not differences(texts)
    except NotEnforcedError:
        return False


@contextmanager
def trial(found: EximSite, wanted: Mapping[Path, bytes | None]) -> Iterator[str]:
    """The configuration that Debian's generator would make if the files were as wanted.

    It is made from a folder of links to the real files: theirs are only read.

    Yields:
        The generated file's path; it is gone afterwards.

    Raises:
        NotEnforcedError: the generator refuses it.
    """
    directory = Path(found.directory)
    with tempfile.TemporaryDirectory(prefix="trustctl-") as scratch:
        copy, out = Path(scratch) / "exim4", Path(scratch) / "exim.conf"
        copy.mkdir()
        with files.explained(directory):
            for name in (SETTINGS, TEMPLATE, _MACROS):
                if (directory / name).exists():
                    (copy / name).symlink_to(os.path.realpath(directory / name))
            for section in _folders(directory / "conf.d"):
                (copy / "conf.d" / section.name).mkdir(parents=True)
                for one in section.iterdir():
                    (copy / "conf.d" / section.name / one.name).symlink_to(os.path.realpath(one))
            for path, content in wanted.items():
                place = copy / path.relative_to(directory)
                if "trustctl" in place.relative_to(copy).parts:
                    continue  # a snippet
                place.unlink(missing_ok=True)
                if content is not None:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content)
        mta.generate(str(copy), out)
        yield str(out)


def _folders(directory: Path) -> list[Path]:
    return [one for one in directory.iterdir() if one.is_dir()] if directory.is_dir() else []


@contextmanager
def _locked(found: EximSite) -> Iterator[None]:
    """Nobody else writes at this target; without data of ours there, there is nothing to hold."""
    root = Path(found.directory) / "trustctl"
    if not root.is_dir():
        yield
        return
    with files.explained(root), files.locked(root / "lock"):
        yield


def _refuse_overruled(found: EximSite) -> None:
    overruled = configuration.overruled(found)
    if overruled:
        raise TargetError(
            f"{overruled[0]}: update-exim4.conf reads it in the place of what trustctl writes",
            f"look at it, then: rm {overruled[0]}",
        )


def _demand(found: list[str]) -> None:
    if found:
        raise NotEnforcedError(
            "Exim would not do what was exported; its configuration is as it was",
            "mend that in Exim's configuration, then export again",
            details=found,
        )


def not_effective(found: EximSite) -> NotEnforcedError:
    """The error that says why our configuration is not in force here, and where it goes."""
    return NotEnforcedError(
        f"the data is written, but NOT IN FORCE: {found.obstacle}",
        f"see {found.directory}/trustctl/snippets/README for what to put where",
    )


def withdraw(found: EximSite, *, reload: bool, group: int | None) -> bool:
    """Take our texts out of Exim's configuration; False where there were none.

    Raises:
        NotEnforcedError: Exim cannot live without them; all is as it was then.
        TargetError: a file cannot be written; all is as it was then.
    """
    with _locked(found):
        wanted = configuration.planned(found, None)
        regenerate = reload and found.live and found.layout in _GENERATED
        if not configuration.pending(wanted):
            return False
        if not regenerate or binary() is None or mta.generator() is None:
            return bool(configuration.write(wanted, group=group))
        generated = configuration.save(mta.GENERATED)
        before = configuration.write(wanted, group=group)
        try:
            if any(one.path.parent.name != "snippets" for one in before):
                mta.regenerate()
                mta.reload(str(binary()))
        except BaseException:
            configuration.restore((*before, generated))
            raise
        return True


def state(found: EximSite, texts: Mapping[str, str], domains: Iterable[str] = ()) -> MtaState:
    """What the installed Exim really does, for an audit; nothing is written.

    Args:
        domains: protected domains, to see whether Exim takes one for its own.
    """
    exim = binary()
    if exim is None or not found.live:
        why = "it is not the folder that the installed Exim reads"
        if found.live:
            why = "there is no Exim on this machine to ask"
        return MtaState(found.directory, False, why=why)
    problems: list[str] = []
    notices = [f"{one} was edited by hand" for one in configuration.edited(found)]
    notices += _defaults()
    try:
        problems += differences(texts, domains=domains)
        notices += receiving.notices(exim) if "acl" in texts else []
    except NotEnforcedError as error:
        problems.append("Exim cannot be asked: " + error.message.splitlines()[0])
    if found.layout in _GENERATED:
        problems += [
            f"{one} is read instead of what trustctl wrote"
            for one in configuration.overruled(found)
        ]
        problems += [
            f"{one} holds a text of trustctl's, but the configuration is {found.layout}: Exim does "
            "not read it there"
            for one in (configuration.unread(found) if problems else ())
        ]
        if not problems:
            notices += _pending(found, texts)
    if problems and found.obstacle is not None:
        problems.append(found.obstacle)
    return MtaState(
        found.directory, True, tuple(problems), notices=tuple(notices), program=mta.program(exim)
    )


def _pending(found: EximSite, texts: Mapping[str, str]) -> list[str]:
    """What will be wrong as soon as Exim's configuration is generated again."""
    try:
        with trial(found, {}) as generated:
            later = differences(texts, generated)
    except (NotEnforcedError, TargetError):
        return ["update-exim4.conf refuses the configuration as it stands in the folder now"]
    return [f"once update-exim4.conf runs again: {one}" for one in later]


def _defaults() -> list[str]:
    """Options in /etc/default/exim4 that make the daemon use another configuration than ours."""
    try:
        found = assignments(mta.DEFAULTS.read_text("utf-8", "surrogateescape"))
    except OSError:
        return []
    return [
        f"{mta.DEFAULTS}: {name} gives the daemon another configuration (-C or -D) than was checked"
        for name, value in found.items()
        if name.endswith(("OPTIONS", "QFLAGS"))
        and value is not None
        and re.search(r"(^|\s)-[CD]", value)
    ]


__all__ = [
    "apply",
    "binary",
    "by_hand",
    "differences",
    "not_effective",
    "state",
    "trial",
    "withdraw",
]
