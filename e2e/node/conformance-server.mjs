// The MCP server that the official conformance suite is run against, directly and through the gate.
//
// It offers the tools, resources and prompts whose names the suite's scenarios ask for, in both
// protocol eras: 2026-07-28 without sessions, and up to 2025-11-25 with sessions, SSE, a GET stream
// and resumable events. With CARELESS=1 it validates no header that mirrors the body. Prints `{"ready":true,"url":…}` once it listens; the port is chosen by the system.

import { createServer } from 'node:http';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  McpServer, ResourceTemplate, acceptedContent, completable,
  createMcpHandler, createRequestStateCodec, fromJsonSchema, inputRequired, inputResponse, isLegacyRequest,
} from '@modelcontextprotocol/server';
import {
  NodeStreamableHTTPServerTransport, localhostHostValidation, localhostOriginValidation, toNodeHandler, toWebRequest,
} from '@modelcontextprotocol/node';
import * as z from 'zod';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

const codec = createRequestStateCodec({ key: randomBytes(32) });
const text = (value) => ({ type: 'text', text: value });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const embedded = (uri, mimeType, body) => ({ type: 'resource', resource: { uri, mimeType, text: body } });
const says = (...content) => ({ content });
const form = (properties, required) => ({ type: 'object', properties, required });

/** What a request asks the client for, by kind. */
const ask = {
  name: () => inputRequired.elicit({ message: 'Who is there?', requestedSchema: form({ name: { type: 'string' } }, ['name']) }),
  color: () => inputRequired.elicit({ message: 'Which color?', requestedSchema: form({ color: { type: 'string' } }, ['color']) }),
  ok: () => inputRequired.elicit({ message: 'Go on?', requestedSchema: form({ ok: { type: 'boolean' } }, ['ok']) }),
  context: () => inputRequired.elicit({ message: 'In which context?', requestedSchema: form({ context: { type: 'string' } }, ['context']) }),
  words: (prompt) => inputRequired.createMessage({ messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 }),
  roots: () => inputRequired.listRoots(),
};

function registerContentTools(server) {
  const fixed = {
    test_simple_text: ['Returns one text', says(text('This is a simple text response for testing.'))],
    test_image_content: ['Returns one image', says(image)],
    test_audio_content: ['Returns one sound', says({ type: 'audio', data: WAV, mimeType: 'audio/wav' })],
    test_embedded_resource: ['Returns one embedded resource', says(embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'))],
    test_multiple_content_types: ['Returns text, image and resource', says(
      text('Multiple content types test:'), image,
      embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'))],
    test_error_handling: ['Always fails', { isError: true, ...says(text('This tool intentionally returns an error for testing')) }],
  };
  for (const [name, [description, result]] of Object.entries(fixed)) {
    server.registerTool(name, { description, inputSchema: z.object({}) }, async () => result);
  }
}

function registerStreamingTools(server) {
  server.registerTool('test_tool_with_progress', { description: 'Reports its progress three times', inputSchema: z.object({}) }, async (_, ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) {
        await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
      }
      await sleep(50);
    }
    return says(text('Progress: done.'));
  });
  const logs = async (_, ctx) => {
    for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await ctx.mcpReq.log('info', line);
      await sleep(50);
    }
    return says(text('Logged three lines.'));
  };
  server.registerTool('test_tool_with_logging', { description: 'Logs three lines', inputSchema: z.object({}) }, logs);
  server.registerTool('test_logging_tool', { description: 'Logs three lines to those who asked for a level', inputSchema: z.object({}) }, logs);
  server.registerTool('test_reconnection', { description: 'Closes its stream half way', inputSchema: z.object({}) }, async (_, ctx) => {
    await sleep(50);
    ctx.http?.closeSSE?.();
    await sleep(100);
    return says(text('Finished after the stream was closed.'));
  });
}

/** Asks on the stream of the call itself: the session's GET stream may not be open yet. */
const askNow = (ctx, method, params) => ctx.mcpReq.send({ method, params });

/** Asks the client for input: by its own request in the older era, by a result in the newer one. */
function registerAskingTools(server, era) {
  server.registerTool('test_sampling', { description: 'Asks the client\'s model', inputSchema: z.object({ prompt: z.string() }) }, async ({ prompt }, ctx) => {
    const answer = await askNow(ctx, 'sampling/createMessage', { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 });
    return says(text(`LLM response: ${answer.content.text}`));
  });
  const elicits = (name, description, inputSchema, request) =>
    server.registerTool(name, { description, inputSchema }, async (args, ctx) => {
      const answer = await askNow(ctx, 'elicitation/create', request(args));
      return says(text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`));
    });
  elicits('test_elicitation', 'Asks the user', z.object({ message: z.string() }), ({ message }) => ({
    message,
    requestedSchema: form({ username: { type: 'string', description: 'A name' }, email: { type: 'string', description: 'An address' } }, ['username', 'email']),
  }));
  elicits('test_elicitation_sep1034_defaults', 'Asks with defaults', z.object({}), () => ({
    message: 'Please confirm',
    requestedSchema: form({
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    }, []),
  }));
  const titled = (first, second, third) => [first, second, third].map((title, i) => ({ const: `value${i + 1}`, title }));
  elicits('test_elicitation_sep1330_enums', 'Asks with enums', z.object({}), () => ({
    message: 'Please choose',
    requestedSchema: form({
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: { type: 'string', oneOf: titled('First Option', 'Second Option', 'Third Option') },
      legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: titled('First Choice', 'Second Choice', 'Third Choice') } },
    }, []),
  }));
  if (era === 'modern') registerInputRequiredTools(server);
}

function registerInputRequiredTools(server) {
  const tool = (name, description, handler) =>
    server.registerTool(name, { description, inputSchema: z.object({}) }, async (_, ctx) => handler(ctx, ctx.mcpReq.inputResponses ?? {}));
  const mint = (value) => codec.mint(value);

  const asksForAName = async (ctx, responses) => {
    const answer = acceptedContent(responses, 'user_name', z.object({ name: z.string() }));
    return answer ? says(text(`Hello, ${answer.name}!`)) : inputRequired({ inputRequests: { user_name: ask.name() } });
  };
  tool('test_input_required_result_elicitation', 'Needs a name', asksForAName);
  tool('test_streaming_elicitation', 'Needs a name, on a stream', asksForAName);
  tool('test_input_required_result_sampling', 'Needs a model', async (_, responses) => {
    const answer = inputResponse(responses, 'capital_question');
    return answer.kind === 'sampling'
      ? says(text(`The model said: ${answer.result.content.text}`))
      : inputRequired({ inputRequests: { capital_question: ask.words('What is the capital of France?') } });
  });
  tool('test_input_required_result_list_roots', 'Needs the roots', async (_, responses) => {
    const answer = inputResponse(responses, 'client_roots');
    return answer.kind === 'roots'
      ? says(text(`Roots: ${answer.roots.map((root) => root.uri).join(', ')}`))
      : inputRequired({ inputRequests: { client_roots: ask.roots() } });
  });
  const confirms = async (ctx, responses) => {
    const state = ctx.mcpReq.requestState();
    return state && acceptedContent(responses, 'confirm')
      ? says(text('state-ok'))
      : inputRequired({ inputRequests: { confirm: ask.ok() }, requestState: await mint({ step: 'confirm' }) });
  };
  tool('test_input_required_result_request_state', 'Keeps state at the client', confirms);
  tool('test_input_required_result_tampered_state', 'Keeps signed state at the client', confirms);
  tool('test_input_required_result_multiple_inputs', 'Needs three things at once', async (ctx, responses) => {
    const all = acceptedContent(responses, 'user_name') && inputResponse(responses, 'greeting').kind === 'sampling'
      && inputResponse(responses, 'client_roots').kind === 'roots' && ctx.mcpReq.requestState();
    return all ? says(text('Got all three.')) : inputRequired({
      inputRequests: { user_name: ask.name(), greeting: ask.words('Say hello'), client_roots: ask.roots() },
      requestState: await mint({ step: 'all' }),
    });
  });
  tool('test_input_required_result_multi_round', 'Asks twice', async (ctx, responses) => {
    const step = ctx.mcpReq.requestState()?.step;
    if (step === 2 && acceptedContent(responses, 'step2')) return says(text('Both rounds are done.'));
    return step === 1 && acceptedContent(responses, 'step1')
      ? inputRequired({ inputRequests: { step2: ask.color() }, requestState: await mint({ step: 2 }) })
      : inputRequired({ inputRequests: { step1: ask.name() }, requestState: await mint({ step: 1 }) });
  });
  tool('test_input_required_result_capabilities', 'Asks only for what the client can do', async (ctx) => {
    const can = ctx.mcpReq.envelope?.[CAPABILITIES] ?? {};
    return inputRequired({
      inputRequests: {
        ...(can.elicitation ? { user_name: ask.name() } : {}),
        ...(can.sampling ? { greeting: ask.words('Say hello') } : {}),
        ...(can.roots ? { client_roots: ask.roots() } : {}),
      },
      requestState: await mint({ step: 'capabilities' }),
    });
  });
  tool('test_missing_capability', 'Needs a client with sampling', async (_, responses) => {
    const answer = inputResponse(responses, 'words');
    return answer.kind === 'sampling' ? says(text('The client can sample.')) : inputRequired({ inputRequests: { words: ask.words('Say something') } });
  });
  server.registerPrompt('test_input_required_result_prompt', { description: 'Needs a context' }, async (ctx) => {
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_context', z.object({ context: z.string() }));
    return answer
      ? { messages: [{ role: 'user', content: text(`In the context of ${answer.context}`) }] }
      : inputRequired({ inputRequests: { user_context: ask.context() } });
  });
}

function registerChangeTools(server, notify) {
  const trigger = (name, description, change) => server.registerTool(name, { description, inputSchema: z.object({}) }, async () => {
    change();
    return says(text('Changed.'));
  });
  trigger('test_trigger_tool_change', 'Tells listeners that tools changed', () => notify().toolsChanged());
  trigger('test_trigger_prompt_change', 'Tells listeners that prompts changed', () => notify().promptsChanged());
}

function registerSchemaTools(server) {
  server.registerTool('json_schema_2020_12_tool', {
    description: 'Tool with JSON Schema 2020-12 features',
    inputSchema: fromJsonSchema({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
      properties: {
        name: { type: 'string' }, address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: { type: 'string' }, email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    }),
  }, async () => says(text('ok')));
  server.registerTool('test_header_mirror', {
    description: 'Its region travels in a header too (SEP-2243)',
    inputSchema: fromJsonSchema(form({ region: { type: 'string', 'x-mcp-header': 'Region' }, query: { type: 'string' } }, ['region'])),
  }, async ({ region }) => says(text(`Region: ${region}`)));
}

function registerResources(server) {
  const text1 = 'This is the content of the static text resource.';
  server.registerResource('static-text', 'test://static-text', { description: 'A text', mimeType: 'text/plain' },
    async (uri) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: text1 }] }));
  server.registerResource('static-binary', 'test://static-binary', { description: 'A picture', mimeType: 'image/png' },
    async (uri) => ({ contents: [{ uri: uri.href, mimeType: 'image/png', blob: PNG }] }));
  server.registerResource('watched', 'test://watched-resource', { description: 'A text to subscribe to', mimeType: 'text/plain' },
    async (uri) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'Watch me.' }] }));
  server.registerResource('template', new ResourceTemplate('test://template/{id}/data', { list: undefined }), { description: 'Data by id', mimeType: 'application/json' },
    async (uri, { id }) => ({
      contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }],
    }));
}

function registerPrompts(server) {
  const user = (content) => ({ role: 'user', content });
  server.registerPrompt('test_simple_prompt', { description: 'One text' },
    async () => ({ messages: [user(text('This is a simple prompt for testing.'))] }));
  const word = (what) => completable(z.string().describe(what), (value) => ['paris', 'park', 'party', 'test'].filter((w) => w.startsWith(value)));
  server.registerPrompt('test_prompt_with_arguments', { description: 'Two arguments', argsSchema: z.object({ arg1: word('First test argument'), arg2: word('Second test argument') }) },
    async ({ arg1, arg2 }) => ({ messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))] }));
  server.registerPrompt('test_prompt_with_embedded_resource', { description: 'A resource', argsSchema: z.object({ resourceUri: z.string() }) },
    async ({ resourceUri }) => ({ messages: [
      user(embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
      user(text('Please process the embedded resource above.')),
    ] }));
  server.registerPrompt('test_prompt_with_image', { description: 'A picture' },
    async () => ({ messages: [user(image), user(text('Please analyze the image above.'))] }));
}

function makeServer({ era }, notify) {
  const server = new McpServer({ name: 'oauthgate-conformance', version: '1.0.0' }, {
    capabilities: {
      logging: {}, completions: {},
      tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true },
    },
    requestState: { verify: codec.verify },
  });
  registerContentTools(server);
  registerStreamingTools(server);
  registerAskingTools(server, era);
  registerSchemaTools(server);
  if (era === 'modern') registerChangeTools(server, notify);
  registerResources(server);
  registerPrompts(server);
  if (era === 'legacy') {
    server.server.setRequestHandler('resources/subscribe', async () => ({}));
    server.server.setRequestHandler('resources/unsubscribe', async () => ({}));
  }
  return server;
}

/** Remembers a session's events, so that a client can resume a broken stream (SEP-1699). */
class Events {
  #events = [];
  async storeEvent(streamId, message) {
    this.#events.push({ streamId, message });
    return `${this.#events.length}_${streamId}`;
  }
  async getStreamIdForEventId(eventId) {
    return eventId.slice(eventId.indexOf('_') + 1);
  }
  async replayEventsAfter(lastEventId, { send }) {
    const streamId = await this.getStreamIdForEventId(lastEventId);
    for (const [i, event] of this.#events.entries()) {
      if (i >= Number.parseInt(lastEventId, 10) && event.streamId === streamId) await send(`${i + 1}_${streamId}`, event.message);
    }
    return streamId;
  }
}

const sessions = new Map();

async function serveLegacy(req, res, body) {
  const id = req.headers['mcp-session-id'];
  const session = sessions.get(id);
  if (session) return session.handleRequest(req, res, body);
  if (id !== undefined || body?.method !== 'initialize') {
    res.writeHead(id === undefined ? 400 : 404, { 'content-type': 'application/json' });
    return res.end(JSON.stringify({ jsonrpc: '2.0', id: body?.id ?? null, error: { code: -32000, message: id === undefined ? 'Bad Request: no session' : 'Session not found' } }));
  }
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new Events(),
    retryInterval: 500,
    onsessioninitialized: (sessionId) => sessions.set(sessionId, transport),
  });
  transport.onclose = () => sessions.delete(transport.sessionId);
  await makeServer({ era: 'legacy' }).connect(transport);
  return transport.handleRequest(req, res, body);
}

async function readJson(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const raw = Buffer.concat(chunks).toString();
  try {
    return raw === '' ? undefined : JSON.parse(raw);
  } catch {
    return raw;
  }
}

/** What a server sees that believes the body and never looks at the headers which mirror it. */
function believe(req, { method, params }) {
  const encoded = (value) => (value === undefined ? undefined : `=?base64?${Buffer.from(String(value)).toString('base64')}?=`);
  const mirrored = { 'mcp-method': method, 'mcp-name': encoded(params?.name ?? params?.uri) };
  if (params?.name === 'test_header_mirror') mirrored['mcp-param-region'] = encoded(params.arguments?.region);
  for (const name of Object.keys(req.headers)) if (/^mcp-(method|name|param-.*)$/.test(name)) delete req.headers[name];
  for (const [name, value] of Object.entries(mirrored)) if (value !== undefined) req.headers[name] = value;
}

const modern = createMcpHandler((ctx) => makeServer(ctx, () => modern.notify), { legacy: 'reject' });
const serveModern = toNodeHandler(modern);
const hostIsLocal = localhostHostValidation();
const originIsLocal = localhostOriginValidation();

const http = createServer(async (req, res) => {
  if (!hostIsLocal(req, res) || !originIsLocal(req, res)) return;
  if (new URL(req.url, 'http://localhost').pathname !== '/mcp') return res.writeHead(404).end();
  try {
    const body = req.method === 'POST' ? await readJson(req) : undefined;
    if (process.env.CARELESS && body?.method !== undefined) believe(req, body);
    const legacy = await isLegacyRequest(await toWebRequest(req, body), body);
    await (legacy ? serveLegacy(req, res, body) : serveModern(req, res, body));
  } catch (error) {
    console.error(error);
    if (!res.headersSent) res.writeHead(500).end();
  }
});
http.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(JSON.stringify({ ready: true, url: `http://localhost:${http.address().port}/mcp` }));
});
