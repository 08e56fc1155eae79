// npm `mcp-remote` as a desktop application uses it: a process that speaks MCP over stdio and logs in by
// itself, with a browser that is sent back to a port of its own. argv[2]: JSON {url, calls}.

import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { browse, main } from './login.mjs';
import { asked, climb, scopeOf } from './step-up.mjs';

/** Its callback port opens a moment after it has opened a browser; a person is never as quick. */
async function persistent(url) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await fetch(url);
    } catch (error) {
      if (attempt === 500) throw error;
      await sleep(20);
    }
  }
}

/** What it prints before it opens a browser, and a line of its own for the URL. */
const INVITATION = /^Please authorize this client by visiting:\n(\S+)$/gm;

await main(async (job) => {
  const steps = [];
  const directory = await mkdtemp(join(tmpdir(), 'mcp-remote-'));
  const tokens = async () => {
    const files = await readdir(directory, { recursive: true });
    const file = files.find((name) => name.endsWith('_tokens.json'));
    return JSON.parse(await readFile(join(directory, file), 'utf8'));
  };
  /** Every login that was begun, in turn, and its failure if it had one. */
  let logins = Promise.resolve();
  let awaitsToken = false;
  const logIn = async (url) => {
    steps.push(asked(url));
    const back = await browse(url, url.searchParams.get('redirect_uri'));
    const welcome = await persistent(back);
    if (!welcome.ok) throw new Error(`mcp-remote refused its own login: ${welcome.status} ${await welcome.text()}`);
    awaitsToken = true;
  };
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [fileURLToPath(import.meta.resolve('mcp-remote/dist/proxy.js')), job.url, '--transport', 'http-only', '--protocol', 'auto'],
    // A browser that opens nothing: the URL is printed as well.
    env: { ...process.env, MCP_REMOTE_CONFIG_DIR: directory, BROWSER: 'true' },
    stderr: 'pipe',
  });
  let printed = '';
  let seen = 0;
  transport.stderr.on('data', (chunk) => {
    printed += chunk;
    const invitations = [...printed.matchAll(INVITATION)];
    for (const [, url] of invitations.slice(seen)) logins = logins.then(() => logIn(new URL(url)));
    seen = invitations.length;
    logins.catch(() => transport.close());
  });
  try {
    const client = new Client({ name: 'oauthgate-e2e-desktop', version: '1.0.0' });
    /** The token of a login is noted once there is an answer: it was kept before that. */
    const noted = async (answer) => {
      const value = await answer;
      await logins;
      if (awaitsToken) steps.push({ token: { scope: scopeOf(await tokens()) } });
      awaitsToken = false;
      return value;
    };
    await noted(client.connect(transport));
    await climb(steps, job.calls, {
      list: () => noted(client.listTools()),
      call: (params) => noted(client.callTool(params)),
      isLogin: () => false,
    });
    await client.close();
    return { steps };
  } catch (error) {
    await logins;
    throw new Error(`${error?.stack ?? error}\nmcp-remote said:\n${printed}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
