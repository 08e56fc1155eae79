"""OAuthGate's predecessor: its provider class as it was, behind the smallest proxy that ASGI allows, under uvicorn.

The class is ours. Its documentation is shortened and nothing of its way from a request to a user context is changed,
but for the 60 requests a minute that it lets one address have: the bench has one address.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import jwt
import uvicorn
from cachetools import TTLCache
from jwt import PyJWKClient
from starlette.requests import Request

logger = logging.getLogger(__name__)


@dataclass
class UserContext:
    user_id: str
    email: str | None = None
    tier: str = "free"
    tenant_id: str | None = None
    scopes: list[str] = field(default_factory=list)
    token_expires_at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class OAuth21Provider:
    """Validates bearer tokens: rate limit, signature, exp, iss, aud, and `resource` if there is one."""

    def __init__(self) -> None:
        self.server_url = os.environ["MCP_SERVER_URL"]
        self.issuer_url = os.environ["OAUTH_ISSUER_URL"]
        self.audience = os.environ["OAUTH_AUDIENCE"]
        self.jwks_cache_ttl = int(os.environ.get("OAUTH_JWKS_CACHE_TTL", "3600"))
        self.jwks_max_keys = int(os.environ.get("OAUTH_JWKS_MAX_KEYS", "16"))
        self.jwks_url = f"{self.issuer_url}/.well-known/jwks.json"
        self._jwks_cache: TTLCache = TTLCache(maxsize=1, ttl=self.jwks_cache_ttl)
        self._rate_limit_cache: TTLCache = TTLCache(maxsize=10000, ttl=60)

    def get_user_context(self, request: Any) -> UserContext | None:
        try:
            client_ip = self._get_client_ip(request)
            if not self._check_rate_limit(client_ip):
                logger.warning("Rate limit exceeded for client IP: %s", client_ip)
                return None
            auth_header = self._get_header(request, "authorization")
            if not auth_header:
                logger.debug("No Authorization header")
                return None
            if not auth_header.startswith("Bearer "):
                logger.warning("Authorization header doesn't start with 'Bearer '")
                return None
            claims = self._validate_token(auth_header[7:])
            if not claims:
                return None
            return UserContext(
                user_id=claims.get("sub", ""),
                email=claims.get("email"),
                tier=claims.get("tier", "free"),
                tenant_id=claims.get("tenant_id"),
                scopes=claims.get("scope", "").split() if claims.get("scope") else [],
                token_expires_at=(
                    datetime.fromtimestamp(claims["exp"], tz=timezone.utc) if "exp" in claims else None
                ),
                metadata={"iss": claims.get("iss"), "aud": claims.get("aud"), "iat": claims.get("iat")},
            )
        except Exception:
            logger.exception("Error extracting user context")
            return None

    def get_www_authenticate_header(self) -> str:
        return f'Bearer realm="{self.server_url}", as_uri="{self.issuer_url}/.well-known/openid-configuration"'

    def _validate_token(self, token: str) -> dict[str, Any] | None:
        try:
            signing_key = self._get_jwks_client().get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                signing_key.key,
                algorithms=["RS256", "ES256"],
                audience=self.audience,
                issuer=self.issuer_url,
                options={"verify_signature": True, "verify_exp": True, "verify_aud": True, "verify_iss": True},
            )
            if "resource" in claims and self.server_url not in claims["resource"]:
                logger.warning("Token resource claim doesn't include this server: %s", claims["resource"])
                return None
            logger.info("Token validated successfully for user: %s", claims.get("sub"))
            return claims
        except jwt.InvalidTokenError as error:
            logger.warning("Token validation failed: %s", error)
            return None
        except Exception:
            logger.exception("Unexpected error validating token")
            return None

    def _get_jwks_client(self) -> PyJWKClient:
        if "jwks_client" in self._jwks_cache:
            return self._jwks_cache["jwks_client"]
        client = PyJWKClient(self.jwks_url, cache_keys=True, max_cached_keys=self.jwks_max_keys)
        self._jwks_cache["jwks_client"] = client
        return client

    def _check_rate_limit(self, client_id: str, limit: int = 60) -> bool:
        current_count = self._rate_limit_cache.get(client_id, 0)
        if current_count >= limit:
            return False
        self._rate_limit_cache[client_id] = current_count + 1
        return True

    def _get_client_ip(self, request: Any) -> str:
        forwarded = self._get_header(request, "x-forwarded-for")
        if forwarded:
            return forwarded.split(",")[0].strip()
        if hasattr(request, "client") and request.client:
            return str(request.client.host)
        return "unknown"

    def _get_header(self, request: Any, header_name: str) -> str | None:
        if hasattr(request, "headers"):
            value = request.headers.get(header_name)
            return str(value) if value is not None else None
        return None


class UnlimitedProvider(OAuth21Provider):
    """Counts requests as ever, and lets all of them pass."""

    def _check_rate_limit(self, client_id: str, limit: int = 60) -> bool:
        return super()._check_rate_limit(client_id, limit=1_000_000_000)


class Upstream:
    """Connections to the server behind, kept open: a GET, and an answer with a length."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def get(self, path: str) -> tuple[int, bytes]:
        connection = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = connection
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        status, *lines = head.split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines if line)
        body = await reader.readexactly(int(fields["content-length"]))
        self.idle.append(connection)
        return int(status.split(" ")[1]), body


PROVIDER = UnlimitedProvider()
UPSTREAM = Upstream(int(os.environ["UPSTREAM_PORT"]))


async def app(scope, receive, send) -> None:
    if scope["type"] != "http":
        return
    if PROVIDER.get_user_context(Request(scope)) is None:
        status, body = 401, b""
        fields = [(b"www-authenticate", PROVIDER.get_www_authenticate_header().encode())]
    else:
        status, body = await UPSTREAM.get(scope["path"])
        fields = [(b"content-type", b"application/json")]
    fields.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", access_log=False, lifespan="off")
