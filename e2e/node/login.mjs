// What the TypeScript clients share: an OAuth provider that keeps everything in memory, a browser
// that keeps cookies and follows redirects, and the report that the harness reads.

export const REDIRECT_URI = 'http://127.0.0.1:1/callback';

/** Follows a login like a browser would, until it is sent back to the client, and returns that URL. */
export async function browse(start, redirectUri = REDIRECT_URI) {
  const cookies = new Map();
  let url = new URL(start);
  for (let hops = 0; hops < 20; hops += 1) {
    if (url.href.startsWith(redirectUri)) return url;
    const jar = cookies.get(url.origin) ?? new Map();
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: cookie ? { cookie } : {} });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    cookies.set(url.origin, jar);
    const location = response.headers.get('location');
    if (!location) throw new Error(`the login stopped at ${url.pathname}: ${response.status} ${await response.text()}`);
    url = new URL(location, url);
  }
  throw new Error('the login never came back');
}

export class LoginProvider {
  constructor() { this.steps = []; }
  get redirectUrl() { return REDIRECT_URI; }
  get clientMetadata() {
    return {
      client_name: 'OAuthGate end-to-end', redirect_uris: [REDIRECT_URI], application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none',
    };
  }
  state() { return 'state-of-this-login'; }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; this.steps.push('registered'); }
  tokens() { return this.saved; }
  saveTokens(tokens) { this.saved = tokens; this.steps.push('token'); }
  async redirectToAuthorization(url) {
    this.steps.push(`authorize scope=${url.searchParams.get('scope')} resource=${url.searchParams.get('resource')} pkce=${url.searchParams.get('code_challenge_method')}`);
    this.callback = await browse(url);
    if (this.callback.searchParams.get('state') !== 'state-of-this-login') throw new Error('the state did not come back');
  }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  saveDiscoveryState(state) { this.discovered = state; }
  discoveryState() { return this.discovered; }
}

/** Runs one tool that says something back and one that streams its progress. */
export async function useTools(client, { echo, progress }, callWithProgress) {
  const { tools } = await client.listTools();
  const said = await client.callTool({ name: 'echo', arguments: { message: echo } });
  const arrivals = [];
  await callWithProgress({ name: progress.tool, arguments: progress.arguments }, { onprogress: () => arrivals.push(performance.now()) });
  return {
    tools: tools.map((tool) => tool.name),
    answer: said.content[0].text,
    progress: arrivals.length,
    spread_ms: Math.round(arrivals.at(-1) - arrivals[0]),
  };
}

/** The request of the harness: the URL and what to do there. */
export const job = JSON.parse(process.argv[2]);

export async function main(run) {
  try {
    console.log(JSON.stringify({ ok: true, ...(await run(job)) }));
    process.exit(0);
  } catch (error) {
    console.log(JSON.stringify({ ok: false, error: String(error?.stack ?? error) }));
    process.exit(1);
  }
}
