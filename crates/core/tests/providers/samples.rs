//! A sample token of each provider: accepted or refused as it should be, with the whole user context.
//! Structure from the providers' documentation, values invented.

use oauthgate_core::Reason;
use serde_json::{Value, json};

use crate::{
    builder, caller, judge, signed,
    support::{RESOURCE, merged},
    told,
};

/// A token, what is configured for its issuer beside the preset, and the verdict.
struct Sample {
    name: &'static str,
    preset: &'static str,
    audiences: &'static [&'static str],
    without_audience: &'static [&'static str],
    clients: Option<&'static [&'static str]>,
    token_type: Option<&'static str>,
    claims: Value,
    verdict: Result<Value, Reason>,
}

impl Sample {
    fn new(name: &'static str, preset: &'static str, claims: Value) -> Self {
        Self {
            name,
            preset,
            audiences: &[RESOURCE],
            without_audience: &[],
            clients: None,
            token_type: Some("JWT"),
            claims,
            verdict: Err(Reason::PolicyRefused),
        }
    }

    fn typed(mut self, token_type: Option<&'static str>) -> Self {
        self.token_type = token_type;
        self
    }

    fn expecting(mut self, audiences: &'static [&'static str]) -> Self {
        self.audiences = audiences;
        self
    }

    fn of_clients(mut self, clients: &'static [&'static str]) -> Self {
        self.clients = Some(clients);
        self
    }

    fn taking_without_audience(mut self, clients: &'static [&'static str]) -> Self {
        self.without_audience = clients;
        self
    }

    fn is(mut self, more: &Value) -> Self {
        let mut caller = caller(more);
        caller["issuer"] = self.claims["iss"].clone();
        caller["expires"] = self.claims["exp"].clone();
        self.verdict = Ok(caller);
        self
    }

    fn refused(mut self, reason: Reason) -> Self {
        self.verdict = Err(reason);
        self
    }

    fn check(&self) {
        let issuer = self.claims["iss"].as_str().unwrap();
        let mut builder = builder(self.preset, issuer, self.audiences)
            .missing_audience_clients(self.without_audience.iter().map(ToString::to_string));
        if let Some(clients) = self.clients {
            builder = builder.allowed_clients(clients.iter().map(ToString::to_string));
        }
        let verifier = builder.build().unwrap();
        let verdict = signed::judge(&verifier, self.preset, self.token_type, &self.claims);
        let verdict = verdict.map(|user| told(&user));
        assert_eq!(verdict, self.verdict, "{}", self.name);
    }
}

fn all() -> Vec<Sample> {
    [
        hosted(),
        microsoft(),
        own_servers(),
        client_audiences(),
        short_ones(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
const APP: &str = "4exampleclientid0000000000";
const MACHINE: &str = "7machineclientid0000000000";

fn hosted() -> Vec<Sample> {
    let auth0_rfc9068 = json!({"iss": "https://login.acme.example/", "sub": "auth0|602c0dcab993d10073daf680", "aud": RESOURCE, "client_id": "ENDmmAJsbwI1hOG1KPJddQ8L", "iat": 1_790_000_000, "exp": 1_790_086_400, "jti": "73WakrfVbNJBaAmhQtEeDv", "scope": "tools:read", "cnf": {"jkt": "NzbLsXh8uDCcd7MNwrnNZpX0ak8ACQexample"}});
    let mut auth0_unbound = auth0_rfc9068.clone();
    auth0_unbound.as_object_mut().unwrap().remove("cnf");
    vec![
        Sample::new(
            "Cognito user, bound to the resource",
            "cognito",
            json!({"sub": "6f1c2c1e-8a54-4a0b-9d0e-0e4f0c2f9a11", "cognito:groups": ["ops"], "iss": POOL, "version": 2, "client_id": APP, "aud": RESOURCE, "origin_jti": "3b0d", "event_id": "77aa", "token_use": "access", "scope": "openid tools/read tools/write", "auth_time": 1_790_000_000, "exp": 1_790_003_600, "iat": 1_790_000_000, "jti": "c0ff", "username": "ana"}),
        )
        .typed(None)
        .expecting(&[APP])
        .is(&json!({"user": "6f1c2c1e-8a54-4a0b-9d0e-0e4f0c2f9a11", "kind": "User", "client": APP, "groups": ["ops"], "scopes": "openid tools/read tools/write"})),
        Sample::new(
            "Cognito machine",
            "cognito",
            json!({"sub": MACHINE, "token_use": "access", "scope": "tools/read", "auth_time": 1_790_000_000, "iss": POOL, "exp": 1_790_003_600, "iat": 1_790_000_000, "version": 2, "jti": "9a1e", "client_id": MACHINE}),
        )
        .typed(None)
        .expecting(&[APP, MACHINE])
        .is(&json!({"user": MACHINE, "kind": "Service", "client": MACHINE, "scopes": "tools/read"})),
        Sample::new(
            "Auth0 user",
            "auth0",
            json!({"iss": "https://acme.eu.auth0.com/", "sub": "auth0|602c0dcab993d10073daf680", "aud": [RESOURCE, "https://acme.eu.auth0.com/userinfo"], "iat": 1_790_000_000, "exp": 1_790_086_400, "azp": "ENDmmAJsbwI1hOG1KPJddQ8L", "scope": "openid profile tools:read", "org_id": "org_9ybsU1dN2dKfDkBi", "permissions": ["tools:read", "tools:write"]}),
        )
        .is(&json!({"user": "auth0|602c0dcab993d10073daf680", "kind": "User", "client": "ENDmmAJsbwI1hOG1KPJddQ8L", "tenant": "org_9ybsU1dN2dKfDkBi", "groups": ["tools:read", "tools:write"], "scopes": "openid profile tools:read"})),
        Sample::new(
            "Auth0 machine",
            "auth0",
            json!({"iss": "https://acme.eu.auth0.com/", "sub": "CS2MNgcX1VZFCJaEzfKw2VPA@clients", "aud": RESOURCE, "iat": 1_790_000_000, "exp": 1_790_086_400, "scope": "tools:read", "gty": "client-credentials", "azp": "CS2MNgcX1VZFCJaEzfKw2VPA"}),
        )
        .is(&json!({"user": "CS2MNgcX1VZFCJaEzfKw2VPA", "kind": "Service", "client": "CS2MNgcX1VZFCJaEzfKw2VPA", "scopes": "tools:read"})),
        Sample::new("Auth0, RFC 9068 profile, bound to a key", "auth0", auth0_rfc9068)
            .typed(Some("at+jwt"))
            .refused(Reason::SenderProofMissing),
        Sample::new("Auth0, RFC 9068 profile", "auth0", auth0_unbound)
            .typed(Some("at+jwt"))
            .is(&json!({"user": "auth0|602c0dcab993d10073daf680", "kind": "User", "client": "ENDmmAJsbwI1hOG1KPJddQ8L", "scopes": "tools:read"})),
        Sample::new(
            "Okta user",
            "okta",
            json!({"ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypP", "iss": "https://acme.okta.com/oauth2/aus9o8wzkhckw9TLa0h7", "aud": RESOURCE, "iat": 1_790_000_000, "exp": 1_790_003_600, "cid": "0oas6ywyq7cwyKUfF0h7", "uid": "00uixa271s6x7qt8I0h7", "scp": ["openid", "tools.read"], "auth_time": 1_789_999_000, "sub": "joe.smith@example.com", "groups": ["ops"]}),
        )
        .typed(None)
        .is(&json!({"user": "00uixa271s6x7qt8I0h7", "kind": "User", "client": "0oas6ywyq7cwyKUfF0h7", "groups": ["ops"], "scopes": "openid tools.read"})),
        Sample::new(
            "WorkOS session",
            "workos",
            json!({"iss": "https://api.workos.com", "sub": "user_01HBEQKA6K4QJAS93VPE39W1JT", "org_id": "org_01HRDMC6CM357W30QMHMQ96Q0S", "role": "member", "roles": ["member"], "permissions": ["posts:read"], "entitlements": ["audit-logs"], "sid": "session_01HQSXZGF8", "jti": "01HQSXZXPP", "exp": 1_790_000_300, "iat": 1_790_000_000}),
        )
        .refused(Reason::MissingAudience),
        Sample::new(
            "WorkOS for MCP",
            "workos",
            json!({"iss": "https://acme.authkit.app", "aud": RESOURCE, "sub": "user_01HBEQKA6K4QJAS93VPE39W1JT", "scope": "openid email", "exp": 1_790_000_300, "iat": 1_790_000_000, "jti": "01HQ"}),
        )
        .is(&json!({"user": "user_01HBEQKA6K4QJAS93VPE39W1JT", "kind": "User", "scopes": "email openid"})),
    ]
}

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

fn microsoft() -> Vec<Sample> {
    vec![
        Sample::new(
            "Entra v2.0 user",
            "entra",
            json!({"aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "iat": 1_790_000_000, "nbf": 1_790_000_000, "exp": 1_790_004_500, "aio": "opaque", "azp": "11111111-2222-3333-4444-555555555555", "azpacr": "0", "name": "Abe Lincoln", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "preferred_username": "abeli@example.com", "rh": "opaque", "scp": "tools.read", "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": TENANT, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0"}),
        )
        .expecting(&["6e74172b-be56-4843-9ff4-e66a39bb12e3"])
        .is(&json!({"user": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "kind": "User", "client": "11111111-2222-3333-4444-555555555555", "tenant": TENANT, "scopes": "tools.read"})),
        Sample::new(
            "Entra v1.0 program",
            "entra",
            json!({"aud": "api://mcp-example", "iss": format!("https://sts.windows.net/{TENANT}/"), "iat": 1_790_000_000, "nbf": 1_790_000_000, "exp": 1_790_003_900, "appid": "75dbe77f-10a3-4e59-85fd-8c127544f17c", "appidacr": "1", "idtyp": "app", "oid": "02223b6b-aa1d-42d4-9ec0-1b2bb9194438", "roles": ["Tools.Read.All"], "sub": "02223b6b-aa1d-42d4-9ec0-1b2bb9194438", "tid": TENANT, "uti": "x", "ver": "1.0"}),
        )
        .expecting(&["api://mcp-example"])
        .is(&json!({"user": "75dbe77f-10a3-4e59-85fd-8c127544f17c", "kind": "Service", "client": "75dbe77f-10a3-4e59-85fd-8c127544f17c", "tenant": TENANT, "groups": ["Tools.Read.All"]})),
        Sample::new("B2C user", "b2c", b2c(&json!({"tfp": "b2c_1_in", "oid": "8844"})))
            .expecting(&["90c0fe63"])
            .is(&json!({"user": "8844", "kind": "User", "client": "3333", "scopes": "tools.read"})),
        Sample::new("B2C program", "b2c", b2c(&json!({})))
            .expecting(&["90c0fe63"])
            .is(&json!({"user": "3333", "kind": "Service", "client": "3333", "scopes": "tools.read"})),
    ]
}

/// A program's token carries `scp` too, and no policy.
fn b2c(more: &Value) -> Value {
    merged(
        json!({"iss": "https://acme.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/", "exp": 1_790_003_600, "nbf": 1_790_000_000, "aud": "90c0fe63", "sub": "8844", "scp": "tools.read", "azp": "3333", "ver": "1.0", "iat": 1_790_000_000}),
        more,
    )
}

fn own_servers() -> Vec<Sample> {
    vec![
        Sample::new(
            "Keycloak user, audience of the account page",
            "keycloak",
            json!({"exp": 1_790_000_300, "iat": 1_790_000_000, "auth_time": 1_789_999_900, "jti": "a1b2c3d4-e5f6-4321-9876-fedcba987654", "iss": "https://sso.example.com/realms/acme", "aud": "account", "sub": "11e0e928-7102-45b2-a966-8a7db1233bf7", "typ": "Bearer", "azp": "mcp-client", "sid": "88f81446-79eb-4275-a9e9-2253f346f533", "acr": "1", "realm_access": {"roles": ["offline_access", "ops"]}, "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}}, "scope": "openid email profile", "email_verified": true, "preferred_username": "ana", "email": "ana@example.com"}),
        )
        .refused(Reason::WrongAudience),
        Sample::new(
            "Keycloak user, with an audience mapper",
            "keycloak",
            json!({"exp": 1_790_000_300, "iat": 1_790_000_000, "iss": "https://sso.example.com/realms/acme", "aud": [RESOURCE, "account"], "sub": "11e0e928-7102-45b2-a966-8a7db1233bf7", "typ": "Bearer", "azp": "mcp-client", "realm_access": {"roles": ["offline_access", "ops"]}, "resource_access": {"account": {"roles": ["manage-account"]}}, "scope": "openid email", "email_verified": true, "preferred_username": "ana", "email": "ana@example.com"}),
        )
        .is(&json!({"user": "11e0e928-7102-45b2-a966-8a7db1233bf7", "kind": "User", "client": "mcp-client", "email": "ana@example.com", "verified": true, "groups": ["offline_access", "ops"], "scopes": "email openid"})),
        Sample::new(
            "Keycloak service account, at+jwt",
            "keycloak",
            json!({"exp": 1_790_000_300, "iat": 1_790_000_000, "jti": "1", "iss": "https://sso.example.com/realms/acme", "aud": [RESOURCE, "account"], "sub": "5a2f", "typ": "Bearer", "azp": "scheduler", "client_id": "scheduler", "preferred_username": "service-account-scheduler", "scope": "mcp:tools", "clientHost": "10.0.0.8"}),
        )
        .typed(Some("at+jwt"))
        .is(&json!({"user": "scheduler", "kind": "Service", "client": "scheduler", "scopes": "mcp:tools"})),
        Sample::new("Hydra, no audience asked for", "hydra", hydra(&json!([])))
            .refused(Reason::MissingAudience),
        Sample::new("Hydra", "hydra", hydra(&json!([RESOURCE])))
            .is(&json!({"user": "ana", "kind": "User", "client": "c5a3e3f0-0000-4000-8000-000000000001", "tier": "gold", "scopes": "openid tools.read"})),
        Sample::new(
            "ZITADEL",
            "zitadel",
            json!({"iss": "https://acme.zitadel.example", "sub": "77776025198584418", "aud": ["69234237810729019", "69234237810729234", "69234230000000001"], "azp": "69234237810729234", "client_id": "69234237810729234", "exp": 1_790_043_200, "iat": 1_790_000_000, "nbf": 1_790_000_000, "jti": "69234237813329048", "urn:zitadel:iam:user:resourceowner:id": "358981944035333912", "urn:zitadel:iam:org:project:roles": {"admin": {"358981944035333912": "acme.example"}}}),
        )
        .expecting(&["69234230000000001"])
        .is(&json!({"user": "77776025198584418", "kind": "User", "client": "69234237810729234", "tenant": "358981944035333912", "groups": ["admin"]})),
        Sample::new(
            "ZITADEL service user",
            "zitadel",
            json!({"iss": "https://acme.zitadel.example", "sub": "88886025198584418", "aud": ["69234230000000001"], "client_id": "scheduler", "exp": 1_790_043_200, "iat": 1_790_000_000, "jti": "69234237813329049"}),
        )
        .expecting(&["69234230000000001"])
        .is(&json!({"user": "scheduler", "kind": "Service", "client": "scheduler"})),
        Sample::new(
            "Duende user",
            "duende",
            json!({"iss": "https://id.example.com", "nbf": 1_790_000_000, "iat": 1_790_000_000, "exp": 1_790_003_600, "aud": "mcp", "scope": ["openid", "mcp:tools"], "amr": ["pwd"], "client_id": "web", "sub": "818727", "auth_time": 1_789_999_000, "idp": "local", "sid": "1F2E", "jti": "1D73"}),
        )
        .typed(Some("at+jwt"))
        .expecting(&["mcp"])
        .is(&json!({"user": "818727", "kind": "User", "client": "web", "scopes": "mcp:tools openid"})),
        Sample::new("Duende program, no audience", "duende", duende_program())
            .typed(Some("at+jwt"))
            .expecting(&["mcp"])
            .refused(Reason::MissingAudience),
        Sample::new("Duende program that may lack it", "duende", duende_program())
            .typed(Some("at+jwt"))
            .expecting(&["mcp"])
            .taking_without_audience(&["m2m.client"])
            .is(&json!({"user": "m2m.client", "kind": "Service", "client": "m2m.client", "scopes": "mcp:tools"})),
    ]
}

fn hydra(audiences: &Value) -> Value {
    json!({"aud": audiences, "client_id": "c5a3e3f0-0000-4000-8000-000000000001", "exp": 1_790_003_600, "ext": {"tier": "gold"}, "iat": 1_790_000_000, "iss": "https://auth.example.com/", "jti": "0f1e", "nbf": 1_790_000_000, "scp": ["openid", "tools.read"], "sub": "ana"})
}

fn duende_program() -> Value {
    json!({"iss": "https://id.example.com", "nbf": 1_790_000_000, "iat": 1_790_000_000, "exp": 1_790_003_600, "scope": ["mcp:tools"], "client_id": "m2m.client", "jti": "2E84"})
}

/// Providers that write the client's id into `aud`.
fn client_audiences() -> Vec<Sample> {
    vec![
        Sample::new(
            "authentik",
            "authentik",
            json!({"iss": "https://auth.example.com/application/o/mcp/", "sub": "b7f0hashed", "aud": "Xk3exampleClientId", "exp": 1_790_000_600, "iat": 1_790_000_000, "auth_time": 1_789_999_000, "acr": "goauthentik.io/providers/oauth2/default", "amr": ["pwd"], "sid": "9c1e", "email": "ana@example.com", "email_verified": false, "groups": ["ops"], "azp": "Xk3exampleClientId", "uid": "rAnDoM"}),
        )
        .expecting(&["Xk3exampleClientId"])
        .is(&json!({"user": "b7f0hashed", "kind": "User", "client": "Xk3exampleClientId", "email": "ana@example.com", "groups": ["ops"]})),
        Sample::new(
            "FusionAuth",
            "fusionauth",
            json!({"aud": "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e", "exp": 1_790_003_600, "iat": 1_790_000_000, "iss": "acme.com", "sub": "00000000-0000-0000-0000-111111111111", "jti": "2e22", "authenticationType": "PASSWORD", "applicationId": "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e", "scope": "offline_access profile openid", "roles": [], "tid": "d7d09513-a3f5-401c-9685-34ab6c552453"}),
        )
        .expecting(&["e9fdb985-9173-4e01-9d73-ac2d60d1dc8e"])
        .is(&json!({"user": "00000000-0000-0000-0000-111111111111", "kind": "User", "client": "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e", "tenant": "d7d09513-a3f5-401c-9685-34ab6c552453", "scopes": "offline_access openid profile"})),
        Sample::new(
            "Spring Authorization Server",
            "spring",
            json!({"sub": "ana", "aud": "messaging-client", "nbf": 1_790_000_000, "scope": ["openid", "message.read"], "iss": "http://auth-server:9000", "exp": 1_790_000_300, "iat": 1_790_000_000, "jti": "6d1c"}),
        )
        .typed(None)
        .expecting(&["messaging-client"])
        .is(&json!({"user": "ana", "kind": "User", "scopes": "message.read openid"})),
        Sample::new(
            "Casdoor refresh token",
            "casdoor",
            json!({"owner": "built-in", "name": "ana", "tokenType": "refresh-token", "scope": "openid", "azp": "Xk3example", "iss": "https://door.example.com", "sub": "9f2c", "aud": [RESOURCE], "exp": 1_790_604_800, "nbf": 1_790_000_000, "iat": 1_790_000_000, "jti": "admin/7c0e"}),
        )
        .refused(Reason::WrongTokenUse),
        Sample::new("Supabase", "supabase", supabase())
            .expecting(&["authenticated"])
            .of_clients(&["a3f0"])
            .is(&json!({"user": "1c9e", "kind": "User", "client": "a3f0", "groups": ["authenticated"], "email": "ana@example.com", "scopes": "email openid"})),
        Sample::new("Supabase, another client", "supabase", supabase())
            .expecting(&["authenticated"])
            .of_clients(&["b4f0"])
            .refused(Reason::ClientNotAllowed),
    ]
}

fn supabase() -> Value {
    json!({"iss": "https://abcd.supabase.co/auth/v1", "sub": "1c9e", "aud": "authenticated", "exp": 1_790_003_600, "iat": 1_790_000_000, "email": "ana@example.com", "phone": "", "app_metadata": {"provider": "email"}, "user_metadata": {}, "role": "authenticated", "aal": "aal1", "session_id": "55aa", "is_anonymous": false, "client_id": "a3f0", "scope": "openid email"})
}

fn short_ones() -> Vec<Sample> {
    let scalekit = || json!({"client_id": "m2morg_69038819013296423", "exp": 1_790_086_400, "iat": 1_790_000_000, "iss": "https://acme.scalekit.com", "jti": "tkn_69041163914445100", "nbf": 1_790_000_000, "oid": "org_59615193906282635", "scopes": ["deploy:applications"], "sub": "m2morg_69038819013296423"});
    vec![
        Sample::new("Scalekit program, no audience", "scalekit", scalekit())
            .refused(Reason::MissingAudience),
        Sample::new("Scalekit program that may lack it", "scalekit", scalekit())
            .taking_without_audience(&["m2morg_69038819013296423"])
            .is(&json!({"user": "m2morg_69038819013296423", "kind": "Service", "client": "m2morg_69038819013296423", "tenant": "org_59615193906282635", "scopes": "deploy:applications"})),
        Sample::new(
            "PingOne program",
            "pingone",
            json!({"client_id": "0f3d", "iss": "https://auth.pingone.com/5c1e/as", "iat": 1_790_000_000, "exp": 1_790_003_600, "aud": ["mcp"], "scope": "tools:read"}),
        )
        .expecting(&["mcp"])
        .is(&json!({"user": "0f3d", "kind": "Service", "client": "0f3d", "scopes": "tools:read"})),
        Sample::new(
            "Descope session",
            "descope",
            json!({"iss": "P2abcProject", "sub": "U2user", "drn": "DS", "aud": ["P2abcProject"], "dct": "T1", "tenants": {"T1": {"permissions": ["read"], "roles": ["admin"]}, "T2": {"permissions": ["write"]}}, "permissions": ["own"], "exp": 1_790_000_300, "iat": 1_790_000_000}),
        )
        .expecting(&["P2abcProject"])
        .is(&json!({"user": "U2user", "kind": "User", "tenant": "T1", "groups": ["own", "read"]})),
        Sample::new(
            "Stytch connected app",
            "stytch",
            json!({"iss": "stytch.com/project-test-1", "sub": "user-test-16d9", "aud": ["project-test-1"], "client_id": "connected-app-test-d731", "exp": 1_790_003_600, "nbf": 1_790_000_000, "iat": 1_790_000_000, "jti": "LOe4", "scope": "openid email", "https://stytch.com/organization": {"organization_id": "organization-test-1"}}),
        )
        .expecting(&["project-test-1"])
        .is(&json!({"user": "user-test-16d9", "kind": "User", "client": "connected-app-test-d731", "tenant": "organization-test-1", "scopes": "email openid"})),
        Sample::new(
            "Stytch program",
            "stytch",
            json!({"sub": "m2m-client-test-d731", "iss": "stytch.com/project-test-1", "aud": ["project-test-1"], "scope": "read:users", "iat": 1_790_000_000, "nbf": 1_790_000_000, "exp": 1_790_003_600}),
        )
        .expecting(&["project-test-1"])
        .is(&json!({"user": "m2m-client-test-d731", "kind": "Service", "scopes": "read:users"})),
    ]
}

#[test]
fn every_sample_token_is_judged_as_it_should_be() {
    for sample in all() {
        sample.check();
    }
}

/// What tells access tokens from the others of the same provider, taken away one by one.
#[test]
fn no_preset_takes_a_sample_of_another_kind() {
    let cases = [
        ("cognito", "token_use", json!("id")),
        ("keycloak", "typ", json!("ID")),
        ("keycloak", "typ", json!("Refresh")),
        ("descope", "drn", json!("DSR")),
        ("okta", "cid", Value::Null),
        ("entra", "azp", Value::Null),
        ("zitadel", "jti", Value::Null),
        ("authentik", "azp", Value::Null),
        ("authentik", "uid", Value::Null),
        ("fusionauth", "roles", Value::Null),
        ("spring", "nbf", Value::Null),
        ("spring", "scope", Value::Null),
    ];
    for (preset, claim, value) in cases {
        let mut tried = 0;
        for mut sample in all() {
            if sample.preset == preset && sample.claims.get(claim).is_some() {
                sample.claims[claim] = value.clone();
                if value.is_null() {
                    sample.claims.as_object_mut().unwrap().remove(claim);
                }
                if sample.verdict.is_ok() {
                    sample.verdict = Err(Reason::WrongTokenUse);
                    sample.check();
                    tried += 1;
                }
            }
        }
        assert!(tried > 0, "{preset} {claim}");
    }
}

#[test]
fn no_preset_takes_an_expired_sample_or_one_for_somebody_else() {
    for mut sample in all().into_iter().filter(|sample| sample.verdict.is_ok()) {
        let good = sample.claims.clone();
        sample.claims["exp"] = json!(1_789_999_000);
        sample.verdict = Err(Reason::Expired);
        sample.check();
        sample.claims = good;
        sample.claims["aud"] = json!("https://other.example");
        sample.verdict = Err(Reason::WrongAudience);
        sample.check();
    }
}

/// `typ` of an ID token, a refresh token or a proof of Duende, Clerk and the others that write `at+jwt`.
#[test]
fn presets_that_write_at_jwt_take_nothing_else() {
    for preset in ["duende", "clerk", "logto", "oidc-provider"] {
        let verifier = builder(preset, "https://id.example.com", &[RESOURCE])
            .build()
            .unwrap();
        let claims = json!({"iss": "https://id.example.com", "aud": RESOURCE, "sub": "1", "client_id": "web", "scope": "a", "exp": 1_790_003_600});
        assert!(
            judge(&verifier, Some("at+jwt"), &claims).is_ok(),
            "{preset}"
        );
        for token_type in [None, Some("JWT"), Some("rt+jwt"), Some("dpop+jwt")] {
            assert_eq!(
                judge(&verifier, token_type, &claims),
                Err(Reason::WrongType),
                "{preset} {token_type:?}"
            );
        }
    }
}
