// A stream that outlives its token, and a call that takes longer than it. argv[2]: JSON {url, sdk, wait,
// patience, last}: the SDK's major version, for how many seconds the tool takes its time and the client waits for it, and
// for how long notifications are heard.

import { LoginProvider, main } from './login.mjs';

const load = async (sdk) => (sdk === 1
  ? { ...await import('@modelcontextprotocol/sdk/client/index.js'), ...await import('@modelcontextprotocol/sdk/client/auth.js'), ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js'), ...await import('@modelcontextprotocol/sdk/types.js') }
  : import('@modelcontextprotocol/client'));

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Streams that end together ask for new tokens together, each with the same refresh token. A server that turns them
 * over takes the second use for theft (RFC 9700 §4.14.2), and the SDKs leave it to the program to ask only once.
 */
function askingOnce() {
  const asked = new Map();
  return async (url, init) => {
    const body = String(init?.body ?? '');
    if (!body.includes('grant_type=refresh_token')) return fetch(url, init);
    if (!asked.has(body)) asked.set(body, fetch(url, init));
    return (await asked.get(body)).clone();
  };
}

await main(async ({ url, sdk, wait, patience, last }) => {
  const { Client, StreamableHTTPClientTransport, UnauthorizedError, ToolListChangedNotificationSchema } = await load(sdk);
  const authProvider = new LoginProvider();
  const once = askingOnce();
  const heard = [];
  const troubles = [];
  const note = () => heard.push(performance.now());
  const connect = async () => {
    const client = new Client({ name: 'oauthgate-e2e-outlive', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
    client.onerror = (error) => troubles.push(String(error));
    client.setNotificationHandler(sdk === 1 ? ToolListChangedNotificationSchema : 'notifications/tools/list_changed', note);
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider, fetch: once });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const back = authProvider.callback.searchParams;
      await transport.finishAuth(sdk === 1 ? back.get('code') : back);
      return undefined;
    }
  };
  if (await connect()) throw new Error('connected without a token');
  const { client, transport } = await connect();
  const protocol = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;

  // Since 2026-07-28 the program listens, and listens again when the stream is lost.
  const ends = [];
  const listen = async () => {
    while (protocol >= '2026') {
      try {
        const subscription = await client.listen({ toolsListChanged: true });
        ends.push(await subscription.closed);
      } catch (error) {
        troubles.push(String(error));
        await sleep(100);
      }
    }
  };
  listen();
  const began = performance.now();
  const called = await client.callTool({ name: 'wait', arguments: { seconds: wait } }, ...(sdk === 1 ? [undefined] : []), { timeout: patience * 1000, onprogress: () => {} })
    .then((result) => ({ text: result.content[0].text }), (error) => ({ code: error.code ?? null, error: String(error) }));
  const took = performance.now() - began;
  const next = (await client.callTool({ name: 'echo', arguments: { message: 'again' } })).content[0].text;
  while (heard.length === 0 || heard.at(-1) - heard[0] < last * 1000) await sleep(100);
  return {
    protocol, called, next, ends, troubles,
    took_ms: Math.round(took),
    heard: heard.length,
    tokens: authProvider.steps.filter((step) => step === 'token').length,
    logins: authProvider.steps.filter((step) => step.startsWith('authorize')).length,
  };
});
