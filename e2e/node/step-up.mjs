// What the TypeScript clients that step up share. The harness gives a job {url, calls: [{tool, arguments}]}
// and reads the steps of the report in their order.

import { LoginProvider, browse } from './login.mjs';

/** The scopes that an access token carries. */
export function scopeOf({ access_token }) {
  return JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url')).scope;
}

/** What an authorization request asks for. */
export function asked(url) {
  return { authorize: { scope: url.searchParams.get('scope'), resource: url.searchParams.get('resource') } };
}

/** Notes each step, with what was asked for and what came. */
export class SteppingProvider extends LoginProvider {
  constructor(grantTypes) {
    super();
    this.grantTypes = grantTypes;
  }
  get clientMetadata() { return { ...super.clientMetadata, grant_types: this.grantTypes }; }
  saveTokens(tokens) { this.saved = tokens; this.steps.push({ token: { scope: scopeOf(tokens) } }); }
  async redirectToAuthorization(url) {
    this.steps.push(asked(url));
    this.callback = await browse(url);
  }
}

/**
 * Does the job with `operate.list` and `operate.call`. An operation that ends in a login is done again
 * once the login is through, as an application would.
 */
export async function climb(steps, calls, { list, call, isLogin, finish }) {
  const persist = async (operation) => {
    try {
      return await operation();
    } catch (error) {
      if (!isLogin(error)) throw error;
      await finish();
      return operation();
    }
  };
  const { tools } = await persist(list);
  steps.push({ listed: tools.map((tool) => tool.name) });
  for (const { tool, arguments: args } of calls) {
    try {
      const said = await persist(() => call({ name: tool, arguments: args }));
      steps.push({ called: { tool, said: said.content[0].text } });
    } catch (error) {
      steps.push({ failed: { tool, error: String(error) } });
    }
  }
}
