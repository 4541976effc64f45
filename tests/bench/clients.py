"""What the benchmark of the wire runs in processes of its own; each looks at COUNT hosts.

python -m tests.bench.clients crowd PORT COUNT                  trustctl's own client
python -m tests.bench.clients bare PORT COUNT                   asyncio and ssl, the plain way
python -m tests.bench.clients hang PORT COUNT SILENT SECONDS    as crowd; the last SILENT hang
"""

from __future__ import annotations

import asyncio
import collections
import gc
import random
import ssl
import sys

from tests.bench.hosts import address

_NAME = "probe.bench.test"
_PARALLEL = 100
"""Of the plain client: it was fastest with about so many at a time."""
_PLENTY_SECONDS = 60.0


def crowd(port: int, count: int, silent: int = 0, seconds: float = _PLENTY_SECONDS) -> None:
    """Look at them as ``fetch`` and ``probe`` do."""
    from trustctl.facts.wire import Endpoint
    from trustctl.wire.crowd import look

    gc.disable()  # as trustctl does
    places = [Endpoint("mx.bench.test", address(one), port, "smtp") for one in range(count)]
    random.Random(count).shuffle(places)  # nobody knows beforehand which of them hang
    found = asyncio.run(look(places, ehlo=_NAME, budget_seconds=seconds))
    outcomes = collections.Counter(one.outcome for one in found)
    wanted = {"presented": count - silent, "timeout": silent}
    assert outcomes == collections.Counter({k: v for k, v in wanted.items() if v}), outcomes


def bare(port: int, count: int) -> None:
    """The same conversation with what Python has."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    gc.disable()
    presented = asyncio.run(_bare(context, port, count))
    assert all(presented)


async def _bare(context: ssl.SSLContext, port: int, count: int) -> list[bytes | None]:
    turns = asyncio.Semaphore(_PARALLEL)

    async def one(number: int) -> bytes | None:
        async with turns:
            reader, writer = await asyncio.open_connection(address(number), port)
            await reader.readline()
            writer.write(f"EHLO {_NAME}\r\n".encode())
            while not (await reader.readline()).startswith(b"250 "):
                pass
            writer.write(b"STARTTLS\r\n")
            await reader.readline()
            await writer.start_tls(context, server_hostname="mx.bench.test")
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.write(b"QUIT\r\n")
            await reader.readline()
            writer.close()
            return bytes(shown)

    return await asyncio.gather(*map(one, range(count)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["crowd", port, count]:
            crowd(int(port), int(count))
        case ["bare", port, count]:
            bare(int(port), int(count))
        case ["hang", port, count, silent, seconds]:
            crowd(int(port), int(count), int(silent), float(seconds))
        case _:
            sys.exit(__doc__)
