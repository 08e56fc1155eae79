// The TypeScript SDK 2.x without a token: connects, lists, calls what is open, and logs in when a tool asks for it.
// argv[2]: JSON {url, calls}.

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { main } from './login.mjs';
import { SteppingProvider, climb } from './step-up.mjs';

await main(async (job) => {
  const authProvider = new SteppingProvider(['authorization_code', 'refresh_token']);
  const client = new Client({ name: 'oauthgate-e2e-lazy', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const transport = new StreamableHTTPClientTransport(new URL(job.url), { authProvider });
  await client.connect(transport);
  const sessions = [transport.sessionId ?? null];
  await climb(authProvider.steps, job.calls, {
    list: () => client.listTools(),
    call: (params) => client.callTool(params),
    isLogin: (error) => error instanceof UnauthorizedError,
    finish: () => transport.finishAuth(authProvider.callback.searchParams),
  });
  sessions.push(transport.sessionId ?? null);
  const protocol = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
  await client.close();
  return { protocol, steps: authProvider.steps, sessions };
});
