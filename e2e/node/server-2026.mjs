// An MCP server of revision 2026-07-28 (stateless, no sessions) that also answers older clients,
// built on the official TypeScript server SDK. Prints `{"ready":true,"url":…}` once it listens.

import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import * as z from 'zod';

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'oauthgate-2026', version: '1.0.0' });
  server.registerTool('echo', { description: 'Says it back', inputSchema: z.object({ message: z.string() }) },
    async ({ message }) => ({ content: [{ type: 'text', text: `Echo: ${message}` }] }));
  server.registerTool('count', { description: 'Counts aloud', inputSchema: z.object({ to: z.number().int().max(100) }) }, async ({ to }, ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (let progress = 1; progress <= to; progress += 1) {
      if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: to } });
      await sleep(20);
    }
    return { content: [{ type: 'text', text: `Counted to ${to}` }] };
  });
  return server;
});

const serve = toNodeHandler(handler);
const http = createServer((req, res) => serve(req, res));
http.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(JSON.stringify({ ready: true, url: `http://localhost:${http.address().port}/mcp` }));
});
