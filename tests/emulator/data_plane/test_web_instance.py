import asyncio

import pytest

from vmss_jenkins.emulator.data_plane.web_instance import Page, WebInstance
from vmss_jenkins.emulator.state.servers import HOST


def test_no_task_of_a_request_remains_after_it_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmss_jenkins.emulator.data_plane.web_instance.GRACE", 0.05)

    async def cut_off() -> None:
        tasks = asyncio.all_tasks()
        instance = WebInstance("seed")
        await instance.serve(Page("slow", latency=3600.0))
        reader, writer = await asyncio.open_connection(HOST, instance.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while len(asyncio.all_tasks()) < len(tasks) + 2:  # noqa: ASYNC110 - its own and its request's
            await asyncio.sleep(0)
        serving = await instance.take_down()
        assert serving is not None
        await serving.drain()
        assert await reader.read() == b""
        assert asyncio.all_tasks() == tasks
        writer.close()
        instance.give_up_port()

    asyncio.run(asyncio.wait_for(cut_off(), timeout=20))
