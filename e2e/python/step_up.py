"""The PyPI `mcp` client: logs in, and again when a tool needs more. argv[1]: JSON {url, calls}."""

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client

from climb import SteppingBrowser, SteppingMemory, climb
from login import client_metadata, main


async def run(job):
    storage = SteppingMemory()
    browser = SteppingBrowser(storage.steps)
    provider = OAuthClientProvider(
        server_url=job["url"],
        client_metadata=client_metadata(),
        storage=storage,
        redirect_handler=browser.open,
        callback_handler=browser.answer,
    )
    async with httpx2.AsyncClient(auth=provider, timeout=20, trust_env=False) as http:
        async with Client(streamable_http_client(job["url"], http_client=http)) as client:

            async def names():
                return [tool.name for tool in (await client.list_tools()).tools]

            async def call(tool, arguments):
                return (await client.call_tool(tool, arguments)).content[0].text

            await climb(storage.steps, job["calls"], names, call)
            return {"protocol": client.session.protocol_version, "steps": storage.steps}


main(run)
