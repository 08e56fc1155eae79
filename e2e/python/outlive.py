"""A subscription that outlives its token, and a call that takes longer than it, with the PyPI `mcp` client.

argv[1]: JSON {url, wait, patience, last}: for how many seconds the tool takes its time and the client waits for it, and
for how long notifications are heard.
"""

import asyncio
import time

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError

from login import Browser, Memory, client_metadata, main


async def run(job):
    storage = Memory()
    browser = Browser(storage.steps)
    provider = OAuthClientProvider(
        server_url=job["url"],
        client_metadata=client_metadata(),
        storage=storage,
        redirect_handler=browser.open,
        callback_handler=browser.answer,
    )
    heard, ends, troubles = [], [], []

    async def ignore(progress, total, message):
        pass

    async with httpx2.AsyncClient(auth=provider, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(job["url"], http_client=http)) as client:

            async def listen():
                while True:
                    try:
                        async with client.listen(tools_list_changed=True) as subscription:
                            async for _ in subscription:
                                heard.append(time.monotonic())
                        ends.append("graceful")
                    except SubscriptionLost:
                        ends.append("lost")
                    except MCPError as error:
                        troubles.append(repr(error))
                        await asyncio.sleep(0.1)

            listening = asyncio.create_task(listen())
            began = time.monotonic()
            try:
                result = await client.call_tool("wait", {"seconds": job["wait"]}, read_timeout_seconds=job["patience"], progress_callback=ignore)
                called = {"text": result.content[0].text}
            except MCPError as error:
                called = {"code": error.error.code, "error": error.error.message}
            took = time.monotonic() - began
            said = await client.call_tool("echo", {"message": "again"})
            while not heard or heard[-1] - heard[0] < job["last"]:
                await asyncio.sleep(0.1)
            listening.cancel()
            return {
                "protocol": client.session.protocol_version,
                "called": called,
                "next": said.content[0].text,
                "ends": ends,
                "troubles": troubles,
                "took_ms": round(took * 1000),
                "heard": len(heard),
                "tokens": storage.steps.count("token"),
                "logins": sum(step.startswith("authorize") for step in storage.steps),
            }


main(run)
