// The TypeScript SDK 1.x: the full login and two tools. argv[2]: JSON {url, echo, progress}.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { LoginProvider, main, useTools } from './login.mjs';

await main(async (job) => {
  const authProvider = new LoginProvider();
  const connect = async () => {
    const client = new Client({ name: 'oauthgate-e2e-v1', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL(job.url), { authProvider });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      await transport.finishAuth(authProvider.callback.searchParams.get('code'));
      return undefined;
    }
  };
  if (await connect()) throw new Error('connected without a token');
  const { client, transport } = await connect();
  const used = await useTools(client, job, (call, options) => client.callTool(call, undefined, options));
  const session = transport.sessionId !== undefined;
  if (session) await transport.terminateSession();
  await client.close();
  return { ...used, protocol: transport.protocolVersion, session, steps: authProvider.steps };
});
