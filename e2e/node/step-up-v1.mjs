// The TypeScript SDK 1.x: logs in, and again when a tool needs more. argv[2]: JSON {url, calls, refresh};
// `refresh` says whether the client is one that takes refresh tokens.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { main } from './login.mjs';
import { SteppingProvider, climb } from './step-up.mjs';

await main(async (job) => {
  const authProvider = new SteppingProvider(['authorization_code', ...(job.refresh ? ['refresh_token'] : [])]);
  const { steps } = authProvider;
  const isLogin = (error) => error instanceof UnauthorizedError;
  const watched = (url, init) => {
    const grant = init?.body instanceof URLSearchParams && init.body.get('grant_type');
    if (grant === 'refresh_token') steps.push({ refresh: { scope: init.body.get('scope') } });
    return fetch(url, init);
  };
  const connect = async () => {
    const client = new Client({ name: 'oauthgate-e2e-v1', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL(job.url), { authProvider, fetch: watched });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (!isLogin(error)) throw error;
      await transport.finishAuth(authProvider.callback.searchParams.get('code'));
      return undefined;
    }
  };
  if (await connect()) throw new Error('connected without a token');
  const { client, transport } = await connect();
  await climb(steps, job.calls, {
    list: () => client.listTools(),
    call: (params) => client.callTool(params),
    isLogin,
    finish: () => transport.finishAuth(authProvider.callback.searchParams.get('code')),
  });
  await client.close();
  return { protocol: transport.protocolVersion, steps };
});
