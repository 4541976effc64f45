"""A machine on which Debian's Postfix is installed, as its package leaves it: unpacked, and laid
over the folders of this machine in a mount namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.postfix import UNPACKED

_READY = "mounted"
_LAID_OVER = "usr etc var"
_SETUP = """
set -e
base=$1 package=$2
mount -t tmpfs -o mode=755 tmpfs "$base"
for one in {folders}; do
  mkdir "$base/$one" "$base/$one.work"
  lower=/$one
  if [ $one = usr ]; then lower=$package/usr:/usr; fi
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$base/$one,workdir=$base/$one.work" /$one
done
ip link set lo up
cp -a "$package/etc/postfix" /etc/
cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf
cat "$base/../main.cf" >> /etc/postfix/main.cf
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/
ln -s /usr/share/postfix/makedefs.out /etc/postfix/makedefs.out
echo 'postfix:x:45678:45678::/var/spool/postfix:/usr/sbin/nologin' >> /etc/passwd
printf 'postfix:x:45678:\\npostdrop:x:45679:\\n' >> /etc/group
echo 'root: nobody' > /etc/aliases
mkdir -p /var/lib/postfix /var/spool/postfix/etc
cp -a "$package/var/spool/postfix/." /var/spool/postfix/
cp /etc/services /etc/resolv.conf /etc/hosts /etc/nsswitch.conf /var/spool/postfix/etc/
chown postfix:postfix /var/lib/postfix
chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue
chmod g+s /usr/sbin/postdrop /usr/sbin/postqueue
postalias hash:/etc/aliases
postfix check
mv /usr/sbin/exim4 /usr/sbin/exim4.gone
rm -f /usr/sbin/exim
echo {ready}
exec sleep 3600
"""
_MAIN = """
smtpd_tls_security_level = may
smtp_tls_CApath = /etc/ssl/certs
smtp_tls_security_level = may
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
myhostname = us.test
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = $myhostname, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
"""
"""What the package asks for and writes below its main.cf.debian."""


def missing() -> str | None:
    """Why no such machine can be made here; None where it can."""
    if os.geteuid() != 0:
        return "needs root for mount namespaces"
    for one in ("unshare", "nsenter", "ip"):
        if shutil.which(one, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return f"{one} is not installed"
    if not UNPACKED.is_dir():
        return f"Postfix is not unpacked in {UNPACKED}: tests/run does that"
    return None


class PostfixBox:
    """One Postfix. ``etc`` is what it finds in /etc/postfix, seen from outside."""

    def __init__(self, folder: Path) -> None:
        (folder / "main.cf").write_text(_MAIN)
        base = folder / "base"
        base.mkdir()
        script = _SETUP.replace("{folders}", _LAID_OVER).replace("{ready}", _READY)
        self._holder = subprocess.Popen(
            ["unshare", "-mn", "--propagation", "private", "sh", "-c", script, "sh",
             str(base), str(UNPACKED)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline().strip() == _READY
        self.root = Path(f"/proc/{self.pid}/root")
        self.etc = self.root / "etc/postfix"

    @property
    def pid(self) -> int:
        """The process that holds the namespaces."""
        return self._holder.pid

    def command(self, *words: str) -> str:
        """What something says that runs inside and has to end well."""
        ran = subprocess.run(
            ["nsenter", "-m", "-n", "-t", str(self.pid), "--", *words],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
        return ran.stdout

    def close(self) -> None:
        """End the namespaces."""
        self._holder.kill()
        self._holder.wait()
        if self._holder.stdout is not None:
            self._holder.stdout.close()
