"""The PyPI `fastmcp` client as its users write it: `Client(url, auth=OAuth())`, a browser of the system, and
a callback server of its own. Logs in, and again when a tool needs more. argv[1]: JSON {url, calls}."""

import asyncio
import logging
import threading
import time
import webbrowser
from urllib.parse import parse_qs, urlparse

import httpx2
from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.memory import MemoryStore

from climb import asked, climb, scope_of
from login import browse, main

STEPS = []


class SystemBrowser(webbrowser.BaseBrowser):
    """Follows a login in the background, up to the callback server, which is not there yet when it begins."""

    def open(self, url, new=0, autoraise=True):
        STEPS.append(asked(url))
        threading.Thread(target=lambda: asyncio.run(self.follow(url)), daemon=True).start()
        return True

    async def follow(self, url):
        [callback] = parse_qs(urlparse(url).query)["redirect_uri"]
        back = await browse(url, callback)
        deadline = time.monotonic() + 30
        while True:
            try:
                async with httpx2.AsyncClient(trust_env=False) as http:
                    return (await http.get(back)).raise_for_status()
            except httpx2.ConnectError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)


class NotedStore(MemoryStore):
    """The store that its users may bring along; it sees every token that is kept."""

    async def put(self, key, value, *, collection=None, ttl=None):
        if collection == "mcp-oauth-token":
            STEPS.append({"token": {"scope": scope_of(value["access_token"])}})
        await super().put(key, value, collection=collection, ttl=ttl)


async def run(job):
    webbrowser.register("harness", None, SystemBrowser("harness"), preferred=True)
    async with Client(job["url"], auth=OAuth(token_storage=NotedStore())) as client:

        async def names():
            return [tool.name for tool in await client.list_tools()]

        async def call(tool, arguments):
            return (await client.call_tool(tool, arguments)).content[0].text

        await climb(STEPS, job["calls"], names, call)
        return {"protocol": client.protocol_version, "steps": STEPS}


logging.getLogger("uvicorn").setLevel(logging.WARNING)
main(run)
