// The TypeScript SDK 2.x: logs in, and again when a tool needs more. argv[2]: JSON {url, calls}.

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { main } from './login.mjs';
import { SteppingProvider, climb } from './step-up.mjs';

await main(async (job) => {
  const authProvider = new SteppingProvider(['authorization_code', 'refresh_token']);
  const isLogin = (error) => error instanceof UnauthorizedError;
  const connect = async () => {
    const client = new Client({ name: 'oauthgate-e2e-v2', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
    const transport = new StreamableHTTPClientTransport(new URL(job.url), { authProvider });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (!isLogin(error)) throw error;
      await transport.finishAuth(authProvider.callback.searchParams);
      return undefined;
    }
  };
  if (await connect()) throw new Error('connected without a token');
  const { client, transport } = await connect();
  await climb(authProvider.steps, job.calls, {
    list: () => client.listTools(),
    call: (params) => client.callTool(params),
    isLogin,
    finish: () => transport.finishAuth(authProvider.callback.searchParams),
  });
  const protocol = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
  await client.close();
  return { protocol, steps: authProvider.steps };
});
