"""Debian's Exim takes what a probe has to tell, and has it in its spool as it was meant."""

from __future__ import annotations

import email
import os
import re
import sys
from dataclasses import replace
from email.policy import default

import pytest

from tests.facts.test_report import GONE, HOSTILE
from tests.lab.exim import Exim
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab")]

_TELL = """
from trustctl import notify
from trustctl.facts.finding import Finding, Severity
from trustctl.facts.report import Report
found = tuple({found})
notify.send_mail(Report("mx.us.test", 1800000000, found), "root")
"""


def test_exim_takes_the_mail_and_adds_nothing_of_a_hosts(lab: Lab) -> None:
    """One message, for one recipient, from one of ours; what a host said is in its body alone."""
    host = Exim(lab.network, "notified", files={"conf.d/main/99_lab": "queue_only = true\n"})
    injected = replace(GONE, subject="foo.test\nBcc: eve@evil.test\n\n.\nMAIL FROM:<x@y.test>")
    found = repr([injected, GONE, HOSTILE]).replace("<Severity.ERROR: 3>", "Severity.ERROR")
    program = host.put("tell.py", _TELL.format(found=found))
    host.ok("env", f"PYTHONPATH={os.pathsep.join(sys.path)}", sys.executable, str(program))
    assert host.queued() == 1
    listed = host.ok("/usr/sbin/exim4", "-bp")
    (ident,) = re.findall(r"\s(\w{6}-\w{6,11}-\w{2,4})\s", listed)
    # recipients in the queue are indented by themselves
    assert re.findall(r"^ {10}(\S+)$", listed, re.MULTILINE) == ["root@notified"]
    copy = host.ok("/usr/sbin/exim4", "-Mvc", ident)
    message = email.message_from_string(copy, policy=default)
    assert message["To"] == "root@notified"
    assert message["From"] in ("root@notified", "root <root@notified>")  # Exim may add the name
    assert message["Bcc"] is None
    assert message["Auto-Submitted"] == "auto-generated"
    assert "\\x0aBcc: eve@evil.test\\x0a\\x0a.\\x0aMAIL FROM" in message.get_content()
    assert GONE.what in message.get_content()
