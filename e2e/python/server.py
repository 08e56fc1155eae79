"""A 2026-07-28 MCP server on the PyPI `mcp` package. PORT: where to listen on loopback."""

import asyncio
import os

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("oauthgate-python")


@server.tool()
def echo(message: str) -> str:
    """Says it back."""
    return f"Echo: {message}"


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Counts aloud."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to)
        await asyncio.sleep(0.02)
    return f"Counted to {to}"


server.run(transport="streamable-http", host="127.0.0.1", port=int(os.environ["PORT"]))
