// What npm's clients read in a challenge, each with its own parser. argv[2]: JSON {challenges: [{resource,
// status, header}]}; the report holds a list for each parser, in the same order.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractWWWAuthenticateParams as version1 } from '@modelcontextprotocol/sdk/client/auth.js';
import { extractWWWAuthenticateParams as version2 } from '@modelcontextprotocol/client';
import { MockAgent, setGlobalDispatcher } from 'undici';
import { main } from './login.mjs';

const response = ({ status, header }) => new Response('', { status, headers: { 'WWW-Authenticate': header } });
const plain = ({ resourceMetadataUrl, ...rest }) => ({ resource_metadata: resourceMetadataUrl?.href, ...rest });

/** mcp-remote's own code, out of the file that its program loads. */
async function mcpRemote() {
  const program = import.meta.resolve('mcp-remote/dist/proxy.js');
  const [, parts] = /\bdiscoverOAuthServerInfo\b[^;]*?from "(\.\/chunk-\w+\.js)"/s.exec(await readFile(new URL(program), 'utf8'));
  return import(new URL(parts, program));
}

/**
 * mcp-remote does not export its parser, so its discovery is run against a server that answers these bytes:
 * where it looks for metadata first, which scope it goes on with, and which error it writes to its debug log.
 */
async function discover({ discoverOAuthServerInfo }, { resource, header }) {
  const asked = [];
  const agent = new MockAgent();
  agent.disableNetConnect();
  // Another path than the resource's: what it would guess by itself is then never what the challenge says.
  const url = new URL('/somewhere/else', resource);
  const pool = agent.get(url.origin);
  pool.intercept({ path: url.pathname }).reply(401, '', { headers: { 'www-authenticate': header } });
  const note = ({ origin, path }) => {
    asked.push(origin + path);
    return '';
  };
  pool.intercept({ path: (path) => path.startsWith('/.well-known/') }).reply(404, note).persist();
  setGlobalDispatcher(agent);
  const read = {};
  const print = console.error;
  console.error = (line, ...more) => {
    if (/Parsed WWW-Authenticate header$/.test(line)) read.error ??= more[0].error;
  };
  try {
    const { wwwAuthenticateScope } = await discoverOAuthServerInfo(url.href);
    return { resource_metadata: asked[0], scope: wwwAuthenticateScope, error: read.error };
  } finally {
    console.error = print;
    await agent.close();
  }
}

await main(async ({ challenges }) => {
  const directory = await mkdtemp(join(tmpdir(), 'mcp-remote-'));
  process.env.MCP_REMOTE_CONFIG_DIR = directory;
  try {
    const remote = await mcpRemote();
    const print = console.error;
    console.error = () => {};
    await remote.parseCommandLineArgs(['https://mcp.example.com/mcp', '--debug'], '');
    console.error = print;
    const discovered = [];
    for (const challenge of challenges) discovered.push(await discover(remote, challenge));
    return {
      'npm @modelcontextprotocol/sdk': challenges.map((challenge) => plain(version1(response(challenge)))),
      'npm @modelcontextprotocol/client': challenges.map((challenge) => {
        const { errorDescription, ...rest } = version2(response(challenge));
        return { error_description: errorDescription, ...plain(rest) };
      }),
      'npm mcp-remote': discovered,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
