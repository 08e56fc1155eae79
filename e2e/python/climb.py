"""What the Python clients that step up share: the steps of the report, with what was asked for and what came."""

import base64
import json
from urllib.parse import parse_qs, urlparse

from login import Browser, Memory


def scope_of(token):
    """The scopes that an access token carries."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["scope"]


def asked(url):
    """What an authorization request asks for."""
    query = parse_qs(urlparse(url).query)
    return {"authorize": {name: query.get(name, [None])[0] for name in ("scope", "resource")}}


class SteppingMemory(Memory):
    async def set_tokens(self, tokens):
        self.tokens = tokens
        self.steps.append({"token": {"scope": scope_of(tokens.access_token)}})


class SteppingBrowser(Browser):
    def note(self, asked):
        first = {name: asked.get(name, [None])[0] for name in ("scope", "resource")}
        self.steps.append({"authorize": first})


async def climb(steps, calls, names, call):
    """Lists the tools and calls some, in their order. These clients log in again by themselves."""
    steps.append({"listed": await names()})
    for wanted in calls:
        tool = wanted["tool"]
        try:
            steps.append({"called": {"tool": tool, "said": await call(tool, wanted["arguments"])}})
        except Exception as error:
            steps.append({"failed": {"tool": tool, "error": repr(error)}})
