// A session over two tokens of one user. argv[2]: the SDK's major version; argv[3]: JSON {url, tokens, stranger}.
// At its end somebody else's token goes on with the session, and then its owner ends it.

import { inspect } from 'node:util';

const load = async (major) => (major === '1'
  ? { ...await import('@modelcontextprotocol/sdk/client/index.js'), ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js') }
  : import('@modelcontextprotocol/client'));

async function run(major, { url, tokens, stranger }) {
  const { Client, StreamableHTTPClientTransport } = await load(major);
  let token = tokens[0];
  const authorized = (target, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${token}`);
    return fetch(target, { ...init, headers });
  };
  const client = new Client({ name: 'oauthgate-e2e-session', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: authorized });
  await client.connect(transport);
  const session = transport.sessionId;
  const echo = async (message) => (await client.callTool({ name: 'echo', arguments: { message } })).content[0].text;
  const answers = [await echo('one')];
  token = tokens[1];
  answers.push(await echo('two'));
  token = stranger;
  const refused = await echo('three').then((text) => `answered: ${text}`, (error) => inspect(error));
  token = tokens[1];
  await transport.terminateSession();
  await client.close();
  return { session, answers, refused };
}

try {
  console.log(JSON.stringify({ ok: true, ...await run(process.argv[2], JSON.parse(process.argv[3])) }));
} catch (error) {
  console.log(JSON.stringify({ ok: false, error: inspect(error) }));
  process.exitCode = 1;
}
