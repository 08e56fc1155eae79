"""A caller that uses up a quota, with the PyPI `mcp` client. argv[1]: JSON {url, token, calls}.

It calls `echo` so often, waits as long as the gate says, and goes on in the same session.
"""

import asyncio
import json
import sys
import traceback

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


class Bearer(httpx2.Auth):
    """The token; notes what the gate says about quotas, and the sessions."""

    requires_response_body = False

    def __init__(self, token):
        self.token = token
        self.sessions = set()
        self.refusals = []

    def auth_flow(self, request):
        request.headers["authorization"] = f"Bearer {self.token}"
        session = request.headers.get("mcp-session-id")
        if session:
            self.sessions.add(session)
        response = yield request
        if response.status_code == 429:
            names = ["retry-after", "ratelimit", "ratelimit-policy", "www-authenticate"]
            self.refusals.append({name: response.headers.get(name) for name in names})


async def run(job):
    bearer = Bearer(job["token"])
    async with httpx2.AsyncClient(auth=bearer, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(job["url"], http_client=http)) as client:

            async def echo(message):
                return (await client.call_tool("echo", {"message": message})).content[0].text

            answers = [await echo(str(number)) for number in range(job["calls"])]
            try:
                error = "answered: " + await echo("too many")
            except Exception as raised:
                error = repr(raised)
            tools = (await client.list_tools()).tools
            await asyncio.sleep(int(bearer.refusals[0]["retry-after"]))
            answers.append(await echo("again"))
            return {
                "answers": answers,
                "error": error,
                "tools": len(tools),
                "refusals": bearer.refusals,
                "sessions": len(bearer.sessions),
            }


def main():
    try:
        print(json.dumps({"ok": True, **asyncio.run(run(json.loads(sys.argv[1])))}))
    except BaseException:
        print(json.dumps({"ok": False, "error": traceback.format_exc()}))
        sys.exit(1)


main()
