"""What the emulator's listeners have in common: how many connections may wait, and how a listener stops."""

from __future__ import annotations

import asyncio
from typing import Final

BACKLOG: Final = 1024
"""Connections that may wait to be accepted: hundreds at once are possible."""

_TURNS: Final = 5


async def stop_accepting(listener: asyncio.Server) -> None:
    """Close a listener without losing a connection that it has accepted.

    Between accepting a connection and waiting for its first request, asyncio and aiohttp take up to four turns of the
    event loop. If the listener is closed during these turns, asyncio (at least of Python 3.11) drops the connection
    without closing it, and its client hangs.
    """
    loop = asyncio.get_running_loop()
    for accepting in listener.sockets:
        loop.remove_reader(accepting.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    listener.close()
