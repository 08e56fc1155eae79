"""PyJWT's PyJWKClient as OAuthGate's predecessor used it, in uvicorn and Starlette.

One client with PyJWT's defaults and `cache_keys=True`, made anew when its own TTL ends. The endpoint is a plain
function, so Starlette runs it in its pool of 40 threads: a waiting fetch blocks a thread, not the event loop.
"""

import os

import jwt
import uvicorn
from cachetools import TTLCache
from jwt import PyJWKClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

JWKS_URL = os.environ["JWKS_URL"]
ISSUER = os.environ["ISSUER"]
AUDIENCE = os.environ["AUDIENCE"]
MAX_KEYS = 16
CLIENTS: TTLCache = TTLCache(maxsize=1, ttl=int(os.environ.get("TTL_SECONDS", "3600")))


def jwks_client() -> PyJWKClient:
    try:
        return CLIENTS["client"]
    except KeyError:
        client = PyJWKClient(JWKS_URL, cache_keys=True, max_cached_keys=MAX_KEYS)
        CLIENTS["client"] = client
        return client


def is_good(token: str) -> bool:
    try:
        key = jwks_client().get_signing_key_from_jwt(token)
        jwt.decode(token, key.key, algorithms=["RS256", "ES256"], audience=AUDIENCE, issuer=ISSUER)
    except Exception:  # noqa: BLE001 (the predecessor, too, refused on whatever went wrong)
        return False
    return True


def answer(request: Request) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer" and is_good(token):
        return PlainTextResponse("ok")
    return Response(status_code=401, headers={"www-authenticate": "Bearer"})


if __name__ == "__main__":
    app = Starlette(routes=[Route("/{path:path}", answer)])
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", access_log=False)
