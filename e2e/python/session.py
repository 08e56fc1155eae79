"""A session over two tokens of one user, with the PyPI `mcp` client. argv[1]: JSON {url, tokens, stranger}.

At its end somebody else's token goes on with the session, and then its owner ends it.
"""

import asyncio
import json
import sys
import traceback

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


class Bearer(httpx2.Auth):
    """Whichever token is the right one at the moment; notes the session."""

    requires_response_body = False

    def __init__(self, token):
        self.token = token
        self.session = None

    def auth_flow(self, request):
        request.headers["authorization"] = f"Bearer {self.token}"
        response = yield request
        self.session = response.headers.get("mcp-session-id", self.session)


async def run(job):
    bearer = Bearer(job["tokens"][0])
    async with httpx2.AsyncClient(auth=bearer, timeout=20, trust_env=False) as http:
        async with Client(streamable_http_client(job["url"], http_client=http)) as client:

            async def echo(message):
                return (await client.call_tool("echo", {"message": message})).content[0].text

            answers = [await echo("one")]
            bearer.token = job["tokens"][1]
            answers.append(await echo("two"))
            bearer.token = job["stranger"]
            try:
                refused = "answered: " + await echo("three")
            except Exception as error:
                refused = repr(error)
            bearer.token = job["tokens"][1]
            return {"session": bearer.session, "answers": answers, "refused": refused}


def main():
    try:
        print(json.dumps({"ok": True, **asyncio.run(run(json.loads(sys.argv[1])))}))
    except BaseException:
        print(json.dumps({"ok": False, "error": traceback.format_exc()}))
        sys.exit(1)


main()
