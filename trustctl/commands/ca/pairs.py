"""``HOST.key`` and ``HOST.crt``: written exclusively, synced together, resumed after a kill."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trustctl import files
from trustctl.commands.ca.batch import NewFolder, create_together, create_whole, resume
from trustctl.errors import InputError, TargetError

if TYPE_CHECKING:
    from trustctl.ca.kinds import PrivateKey
    from trustctl.commands.ca.rotation import Rotation
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import KeyKind


class Pairs:
    """The key and certificate files of some hosts in one folder.

    A key that a killed run left without its certificate is used again. Certificates that it had
    not yet put in place, though they were signed and written, are put there.

    Attributes:
        resumed: a killed run's files are in place now, and are all that was wanted.
    """

    def __init__(self, folder: Path, hosts: Sequence[str], kind: KeyKind) -> None:
        """Look, and refuse before anything is made.

        Raises:
            TargetError: a certificate is there already, or the folder is not one to write keys to.
        """
        self.folder = Path(os.path.abspath(folder))
        self._hosts, self._kind = list(hosts), kind
        self._public: list[bytes] = []
        self._created: list[str] = []
        self._new: NewFolder | None = None
        self._place = self.folder  # where the files are written
        self.resumed = False
        if os.path.lexists(self.folder):
            files.refuse_unsafe(self.folder)
            with files.explained(self.folder):
                finished = resume(self.folder)
            self.resumed = finished >= {self.at(host)[0] for host in self._hosts}
            if self.resumed:
                return
        else:
            if not self.folder.parent.is_dir():
                raise TargetError(f"{self.folder.parent} is not there", f"mkdir -p {self.folder}")
            return  # nothing is in the way
        for host in self._hosts:
            path = self._path(host, "crt")
            if os.path.lexists(path):
                raise TargetError(
                    f"{path} exists already; nothing was issued",
                    f"trustctl ca renew {host}, or name another folder with --out",
                )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make the keys and write them; where what follows fails, those that are new go again."""
        from trustctl.ca.keyfile import halves
        from trustctl.ca.kinds import generate, spki_of

        with files.explained(self.folder):
            if not os.path.lexists(self.folder):
                self._new = NewFolder(self.folder)
                self._place = self._new.scratch
        empty = self._new is not None and not self._new.taken_up
        try:
            with files.explained(self.folder):
                for host in self._hosts:
                    path = self._path(host, "key")
                    left = None if empty else self._left(path)
                    if left is not None:
                        self._public.append(spki_of(left.public_key()))
                        continue
                    text, public = halves(generate(self._kind))
                    if self._new is None:
                        create_whole(path, text, mode=0o600)
                    else:
                        files.create(path, [text], mode=0o600, group=None)
                    self._created.append(path)
                    self._public.append(public)
            yield
        except Exception:  # not ^C: the keys may be certified by now; the next call uses them
            for path in self._created:
                with suppress(OSError):
                    os.unlink(path)
            if self._new is not None:
                self._new.give_up()
            raise

    def _path(self, host: str, ending: str) -> str:
        return f"{self._place}/{host}.{ending}"

    def _left(self, path: str) -> PrivateKey | None:
        from trustctl.ca.keyfile import load_plain
        from trustctl.ca.kinds import kind_of

        if not os.path.lexists(path):
            return None
        key = load_plain(Path(path))
        if kind_of(key) != self._kind:
            raise InputError(f"{path} is a key of another kind", f"--key {kind_of(key)}")
        return key

    def public_keys(self) -> list[bytes]:
        """Each host's SubjectPublicKeyInfo."""
        return self._public

    def at(self, host: str) -> tuple[Path, Path]:
        """The files of a host: certificate and key."""
        return self.folder / f"{host}.crt", self.folder / f"{host}.key"

    def finish(self, made: Sequence[Evidence], chain: Sequence[bytes]) -> None:
        """Write the certificates, each with the chain above it, and force all to the disk."""
        from trustctl.facts.pem import pem

        above = b"".join(pem(one) for one in chain)
        self._created = []  # from here on they are keys of certificates
        keys = [self._path(host, "key") for host in self._hosts]
        new = (
            (self._path(host, "crt"), pem(one.der) + above)
            for host, one in zip(self._hosts, made, strict=True)
        )
        with files.explained(self.folder):
            if self._new is None:
                create_together(self.folder, new, keys)
            else:
                self._new.appear(new, keys)

    def left(self) -> list[Evidence]:
        """The hosts' certificates that a killed run had signed."""
        from trustctl.facts.addition import Evidence
        from trustctl.facts.certificate import parse_certificate
        from trustctl.intake.pem import split_certificates

        found = []
        for host in self._hosts:
            path = self.at(host)[0]
            with files.explained(path):
                der = split_certificates(path.read_bytes(), str(path))[0]
            found.append(Evidence(parse_certificate(der), der))
        return found


def demand_same(key: PrivateKey, spki: str, path: Path) -> None:
    """Refuse a key that is not the one that was certified.

    Args:
        spki: the SPKI pin of that one.

    Raises:
        InputError: it is another.
    """
    from trustctl.ca.kinds import spki_of

    if hashlib.sha256(spki_of(key.public_key())).hexdigest() != spki:
        raise InputError(
            f"{path} is not the key of the certificate that is to be renewed; nothing was issued",
            "leave --same-key out, or restore the key",
        )


class Renewals:
    """The files of hosts that are renewed: a key and its certificate are replaced together.

    Both are on the disk before the first is renamed, and the second rename follows at once: for
    some microseconds a reader may see the new key beside the old certificate. With the same key
    there is nothing to mismatch; Exim's pair (``--install``) is swapped by one rename.
    """

    def __init__(self, folder: Path, hosts: Sequence[tuple[str, str]], rotation: Rotation) -> None:
        """Look, and make the keys.

        Args:
            hosts: each with the SPKI pin that its certificate has now.
            rotation: which keys are kept, and which were made beforehand.

        Raises:
            TargetError, InputError: a file is not there, or is not as trustctl wrote it; the same
                key was wanted, and is not the certificate's.
        """
        from trustctl.ca.keyfile import load_plain
        from trustctl.ca.kinds import generate, kind_of

        self.folder = Path(os.path.abspath(folder))
        self._keys: dict[str, PrivateKey] = {}
        self._rotation = rotation
        if not os.path.lexists(self.folder):
            raise TargetError(
                f"{self.folder} is not there", "--out DIR, where the hosts' files are"
            )
        files.refuse_unsafe(self.folder)
        for host, spki in hosts:
            path = self.folder / f"{host}.key"
            if not os.path.lexists(path):
                raise TargetError(
                    f"{path} is not there: renewing replaces it",
                    f"--out DIR, or: trustctl ca issue {host} --out DIR",
                )
            old = load_plain(path)
            if rotation.keeps(host):
                demand_same(old, spki, path)
                self._keys[host] = old
            else:
                self._keys[host] = rotation.prepared(host) or generate(kind_of(old))

    def public_key(self, host: str) -> bytes:
        """The SubjectPublicKeyInfo of the host's next certificate."""
        from trustctl.ca.kinds import spki_of

        return spki_of(self._keys[host].public_key())

    def at(self, host: str) -> tuple[Path, Path]:
        """The files of a host: certificate and key."""
        return self.folder / f"{host}.crt", self.folder / f"{host}.key"

    def replace(self, host: str, made: Evidence, chain: Sequence[bytes]) -> None:
        """Replace the host's key and certificate; they keep their owner, group and mode."""
        from trustctl.ca.keyfile import private_pem
        from trustctl.facts.pem import pem

        certificate, key = self.at(host)
        new = [self._new(key, private_pem(self._keys[host]), 0o600)]
        if self._rotation.keeps(host):
            new = []
        text = b"".join(pem(one) for one in (made.der, *chain))
        with files.explained(self.folder):
            files.replace_together([*new, self._new(certificate, text, 0o644)])
        self._rotation.finish(host)

    def _new(self, path: Path, content: bytes, mode: int) -> files.New:
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            return files.New(path, content, mode, None, None)
        return files.New(path, content, info.st_mode & 0o777, info.st_gid, info.st_uid)
