// An MCP server that says four times a second that its tools have changed, and has a tool that takes its time.
// ERA: `modern` (2026-07-28, subscriptions), `legacy` (sessions, a GET stream) or `resumable` (the same, with
// ids on its events). Prints `{"ready":true,"url":…}` once it listens.

import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer as ModernServer, createMcpHandler } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as z from 'zod';

const TICK_MS = 250;
const text = (words) => ({ content: [{ type: 'text', text: words }] });

function withTools(server) {
  const describe = (description, shape) => ({ description, inputSchema: server instanceof ModernServer ? z.object(shape) : shape });
  server.registerTool('echo', describe('Says it back', { message: z.string() }), async ({ message }) => text(`Echo: ${message}`));
  server.registerTool('wait', describe('Takes its time, and says so', { seconds: z.number() }), async ({ seconds }, context) => {
    const request = context.mcpReq ?? context;
    const notify = request.notify ?? request.sendNotification;
    for (let progress = 1; progress <= seconds * 2; progress += 1) {
      await notify({ method: 'notifications/progress', params: { progressToken: request._meta.progressToken, progress, total: seconds * 2 } });
      await sleep(500);
    }
    return text(`Waited ${seconds} s`);
  });
  return server;
}

function modern() {
  const handler = createMcpHandler(() => withTools(new ModernServer({ name: 'ticking', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } })));
  setInterval(() => handler.notify.toolsChanged(), TICK_MS);
  return toNodeHandler(handler);
}

/** What was sent on each stream, so that a client can have what it missed. */
class Memory {
  constructor() { this.events = []; }
  async storeEvent(stream, message) {
    this.events.push({ stream, message });
    return String(this.events.length);
  }
  async replayEventsAfter(last, { send }) {
    const { stream } = this.events[Number(last) - 1];
    const missed = this.events.map((event, index) => ({ ...event, id: String(index + 1) })).slice(Number(last));
    for (const event of missed) if (event.stream === stream) await send(event.id, event.message);
    return stream;
  }
}

function legacy(resumable) {
  const sessions = new Map();
  const open = async () => {
    const server = withTools(new McpServer({ name: 'ticking', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } }));
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => { sessions.set(id, transport); },
      eventStore: resumable ? new Memory() : undefined,
    });
    await server.connect(transport);
    setInterval(() => server.sendToolListChanged(), TICK_MS);
    return transport;
  };
  return async (req, res) => {
    const transport = sessions.get(req.headers['mcp-session-id']) ?? await open();
    await transport.handleRequest(req, res);
  };
}

const serve = process.env.ERA === 'modern' ? modern() : legacy(process.env.ERA === 'resumable');
const http = createServer((req, res) => serve(req, res));
http.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(JSON.stringify({ ready: true, url: `http://localhost:${http.address().port}/mcp` }));
});
