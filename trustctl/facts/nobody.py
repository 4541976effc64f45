"""A certificate that nobody can have: for stores that may not be empty, and are to trust nobody.

Servers refuse to start with an empty file of client CAs, and ``update-ca-certificates`` leaves the
old bundle in place where it would write an empty one. Both take this one, and it opens no door: its
public key is a point that was made from the hash of a sentence, so nobody knows the private one; it
signs nobody, not even itself; and it ended in 1970. tests/facts/test_nobody.py makes it anew.
"""

from __future__ import annotations

import binascii
import hashlib

DER = binascii.a2b_base64(
    "MIIBDTCB86ADAgECAgEBMAoGCCqGSM49BAMCMCcxJTAjBgNVBAMMHE5vYm9keSBpcyB0cnVzdGVk"
    "ICh0cnVzdGN0bCkwHhcNNzAwMTAxMDAwMDAwWhcNNzAwMTAyMDAwMDAwWjAnMSUwIwYDVQQDDBxO"
    "b2JvZHkgaXMgdHJ1c3RlZCAodHJ1c3RjdGwpMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEl8c9"
    "/Gw6O9KHChcPUlpEr5Ptj/VLxFhC/2Z+uc06rqEuBPXwOYAP3tKQCZLnDoDkM+K6OF5uW4EdpoVS"
    "+PsCAqMQMA4wDAYDVR0TAQH/BAIwADAKBggqhkjOPQQDAgMJADAGAgEBAgEB"
)
FINGERPRINT = hashlib.sha256(DER).hexdigest()
SENTENCE = "trustctl: nobody has this key 0"
"""Its SHA-256 is the first coordinate of the public key."""
