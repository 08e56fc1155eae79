"""The PyPI `mcp` client: the full login and two tools. argv[1]: JSON {url, echo, progress}."""

import time

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client

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
    arrivals = []

    async def on_progress(progress, total, message):
        arrivals.append(time.monotonic())

    async with httpx2.AsyncClient(auth=provider, timeout=20, trust_env=False) as http:
        async with Client(streamable_http_client(job["url"], http_client=http)) as client:
            tools = await client.list_tools()
            said = await client.call_tool("echo", {"message": job["echo"]})
            wanted = job["progress"]
            await client.call_tool(wanted["tool"], wanted["arguments"], progress_callback=on_progress)
            return {
                "tools": [tool.name for tool in tools.tools],
                "answer": said.content[0].text,
                "progress": len(arrivals),
                "spread_ms": round((arrivals[-1] - arrivals[0]) * 1000),
                "protocol": client.session.protocol_version,
                "steps": storage.steps,
            }


main(run)
