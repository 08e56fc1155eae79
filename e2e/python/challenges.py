"""What PyPI's `mcp` reads in a challenge, with its own parser. argv[1]: JSON {challenges: [{status, header}]}."""

import httpx2
from mcp.client.auth.utils import extract_field_from_www_auth

from login import main

FIELDS = ("resource_metadata", "scope", "error", "error_description")


def read(challenge):
    response = httpx2.Response(challenge["status"], headers={"WWW-Authenticate": challenge["header"]})
    return {field: extract_field_from_www_auth(response, field) for field in FIELDS}


async def run(job):
    return {"PyPI mcp": [read(challenge) for challenge in job["challenges"]]}


main(run)
