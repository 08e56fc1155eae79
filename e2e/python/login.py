"""What the Python clients share: storage in memory, a browser, and the report that the harness reads."""

import asyncio
import json
import sys
import traceback
from urllib.parse import parse_qs, urljoin, urlparse

import httpx2
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

REDIRECT_URI = "http://127.0.0.1:1/callback"


def client_metadata():
    """A public client that takes refresh tokens."""
    return OAuthClientMetadata(
        client_name="OAuthGate end-to-end",
        redirect_uris=[REDIRECT_URI],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )


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


async def browse(url, redirect_uri=REDIRECT_URI):
    """Follows a login like a browser would, cookies included, until it is sent back to the client."""
    async with httpx2.AsyncClient(follow_redirects=False, trust_env=False) as http:
        for _ in range(20):
            if url.startswith(redirect_uri):
                return url
            response = await http.get(url)
            location = response.headers.get("location")
            if location is None:
                raise RuntimeError(f"the login stopped: {response.status_code} {response.text}")
            url = urljoin(url, location)
    raise RuntimeError("the login never came back")


class Browser:
    """Follows a login, and keeps what it came back with."""

    def __init__(self, steps):
        self.steps = steps
        self.callback = None

    async def open(self, url):
        self.note(parse_qs(urlparse(url).query))
        self.callback = parse_qs(urlparse(await browse(url)).query)

    def note(self, asked):
        self.steps.append(
            f"authorize scope={asked.get('scope', [None])[0]} resource={asked.get('resource', [None])[0]}"
            f" pkce={asked.get('code_challenge_method', [None])[0]}"
        )

    async def answer(self):
        first = lambda name: self.callback.get(name, [None])[0]
        return AuthorizationCodeResult(code=first("code"), state=first("state"), iss=first("iss"))


def main(run):
    """Runs the job in argv[1] and prints its report as one line of JSON."""
    try:
        print(json.dumps({"ok": True, **asyncio.run(run(json.loads(sys.argv[1])))}))
    except BaseException:
        print(json.dumps({"ok": False, "error": traceback.format_exc()}))
        sys.exit(1)
