"""What the emulator's listeners have in common: where they listen, and how they stop."""

from __future__ import annotations

import asyncio
from typing import Final

BACKLOG: Final = 1024
"""Connections that may wait to be accepted, so that hundreds at once are no trouble."""

_TURNS: Final = 5


async def stop_accepting(listener: asyncio.Server) -> None:
    """Close a listener, so that every connection that it has accepted is known to its protocol afterwards.

    From the acceptance of a connection to the wait for its first request, asyncio and aiohttp take up to four
    turns of the event loop. When the listener is closed in between, asyncio (of Python 3.11 at least) drops the
    connection without closing it, and its client hangs.
    """
    loop = asyncio.get_running_loop()
    for accepting in listener.sockets:
        loop.remove_reader(accepting.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    listener.close()
