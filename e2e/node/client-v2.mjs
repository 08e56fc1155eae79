// The TypeScript SDK 2.x: the full login and two tools, in the newest revision the server speaks.
// argv[2]: JSON {url, echo, progress}.

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { LoginProvider, main, useTools } from './login.mjs';

await main(async (job) => {
  const authProvider = new LoginProvider();
  const connect = async () => {
    const client = new Client({ name: 'oauthgate-e2e-v2', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
    const transport = new StreamableHTTPClientTransport(new URL(job.url), { authProvider });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      await transport.finishAuth(authProvider.callback.searchParams);
      return undefined;
    }
  };
  if (await connect()) throw new Error('connected without a token');
  const { client, transport } = await connect();
  const used = await useTools(client, job, (call, options) => client.callTool(call, options));
  const protocol = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
  const session = transport.sessionId !== undefined;
  await client.close();
  return { ...used, protocol, session, steps: authProvider.steps };
});
