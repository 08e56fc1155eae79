//! What the demo prints: where to go, tokens, and commands to copy.

use std::fmt::Write;

use super::Demo;

/// Long enough to play, short enough for a terminal's history.
const LIFETIME: i64 = 3600;

pub(super) fn of(demo: &Demo) -> String {
    let mut page = where_to_go(demo);
    page.push_str(&tokens(demo));
    page.push_str(&commands(demo));
    page
}

fn where_to_go(demo: &Demo) -> String {
    format!(
        "\
An MCP server, protected. Everything here is on loopback and forgotten when you stop it (Ctrl-C).

Give this URL to your MCP client:

  {mcp}

{login} The tools whoami, search_notes and
long_report need notes:read, add_note needs notes:write, delete_all_notes needs notes:admin. A second resource,
a plain HTTP API that needs reports:read, is {reports}
The authorization server is {issuer}
",
        mcp = demo.mcp_url(),
        login = login(demo.auto_consent),
        reports = demo.reports_url(),
        issuer = demo.issuer.issuer(),
    )
}

fn login(auto_consent: bool) -> &'static str {
    if auto_consent {
        "Every login is granted at once, to Ada Example, and nobody is asked."
    } else {
        "It is sent to a login, where you are Ada Example, and asked for consent."
    }
}

/// Assignments to copy: the commands use the names.
fn tokens(demo: &Demo) -> String {
    let (mcp, reports) = (demo.mcp_url(), demo.reports_url());
    let mut text = String::from("\nTokens, good for an hour. Copy them into a shell:\n\n");
    for (name, resource, scopes, lifetime) in [
        ("GOOD", &mcp, "notes:read", LIFETIME),
        ("WITHOUT_SCOPE", &mcp, "", LIFETIME),
        ("EXPIRED", &mcp, "notes:read", -LIFETIME),
        ("ELSEWHERE", &reports, "reports:read", LIFETIME),
    ] {
        let _ = writeln!(text, "  {name}={}", demo.token(resource, scopes, lifetime));
    }
    text
}

/// A tool call is one request: the 2026-07-28 revision of MCP needs no session.
fn commands(demo: &Demo) -> String {
    format!(
        "
Then try:

  curl -i {mcp}    # 401: nobody is calling; the challenge says where the login is

  call() {{ curl -i {mcp} -H \"Authorization: Bearer $1\" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \\
    -H 'Mcp-Method: tools/call' -H \"Mcp-Name: $2\" -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",'\\
'\"params\":{{\"name\":\"'$2'\",\"arguments\":{{\"text\":\"hello\"}},\"_meta\":{META}}}}}'; }}

  call $GOOD whoami             # 200: the tool answers, and knows who is calling
  call $GOOD add_note           # 403: reading is not writing; the challenge names all scopes of the operation
  call $WITHOUT_SCOPE whoami    # 403: a good token without any scope
  call $EXPIRED whoami          # 401: expired
  call $ELSEWHERE whoami        # 401: a good token, for the other resource
  curl -i {reports} -H \"Authorization: Bearer $ELSEWHERE\"    # 200: at home

  curl -s {base}/.well-known/oauth-protected-resource/mcp    # what clients read to find the login
  curl -s http://{admin}/readyz                              # are the keys loaded?
  curl -s http://{admin}/metrics | grep oauthgate_requests   # what was refused, and why?

Each refusal carries a reference; the line below with the same reference says why.
Next: README.md, \"Protect your own server\". The whole loop without a client: oauthgate demo --once

",
        mcp = demo.mcp_url(),
        reports = demo.reports_url(),
        base = demo.base,
        admin = demo.admin,
    )
}

/// What the 2026-07-28 revision wants in every request.
const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"curl","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[tokio::test]
    async fn the_page_tells_of_consent_only_where_somebody_is_asked() {
        for (auto_consent, expected) in [(false, "asked for consent"), (true, "nobody is asked")] {
            let mut settings = Settings::new(Vec::new());
            settings.listen.set_port(0);
            settings.admin_listen.set_port(0);
            let (demo, _gate) = Demo::start(settings, auto_consent).await.unwrap();
            let page = demo.page();
            assert!(page.contains(expected), "{page}");
            assert_eq!(page.contains("consent"), !auto_consent, "{page}");
        }
    }
}
