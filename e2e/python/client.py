"""The PyPI `mcp` client: the full login and two tools. argv[1]: JSON {url, echo, progress}."""

import asyncio
import json
import sys
import time
import traceback
from urllib.parse import parse_qs, urljoin, urlparse

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

REDIRECT_URI = "http://127.0.0.1:1/callback"


class Memory:
    """Keeps tokens and the registration in memory."""

    def __init__(self):
        self.tokens = None
        self.client = None
        self.steps = []

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        self.steps.append("token")

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info
        self.steps.append("registered")


class Browser:
    """Follows a login like a browser would, cookies included, until it comes back to the client."""

    def __init__(self, steps):
        self.steps = steps
        self.callback = None

    async def open(self, url):
        asked = parse_qs(urlparse(url).query)
        self.steps.append(
            f"authorize scope={asked.get('scope', [None])[0]} resource={asked.get('resource', [None])[0]}"
            f" pkce={asked.get('code_challenge_method', [None])[0]}"
        )
        async with httpx2.AsyncClient(follow_redirects=False, trust_env=False) as http:
            for _ in range(20):
                if url.startswith(REDIRECT_URI):
                    self.callback = parse_qs(urlparse(url).query)
                    return
                response = await http.get(url)
                location = response.headers.get("location")
                if location is None:
                    raise RuntimeError(f"the login stopped: {response.status_code} {response.text}")
                url = urljoin(url, location)
        raise RuntimeError("the login never came back")

    async def answer(self):
        first = lambda name: self.callback.get(name, [None])[0]
        return AuthorizationCodeResult(code=first("code"), state=first("state"), iss=first("iss"))


async def run(job):
    storage = Memory()
    browser = Browser(storage.steps)
    provider = OAuthClientProvider(
        server_url=job["url"],
        client_metadata=OAuthClientMetadata(
            client_name="OAuthGate end-to-end",
            redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        ),
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


def main():
    try:
        print(json.dumps({"ok": True, **asyncio.run(run(json.loads(sys.argv[1])))}))
    except BaseException:
        print(json.dumps({"ok": False, "error": traceback.format_exc()}))
        sys.exit(1)


main()
