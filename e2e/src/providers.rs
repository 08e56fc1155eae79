//! An emulated provider under its real names: what `oauthgate dev-issuer --emulate` serves, reached through a proxy
//! that claims to be every host.

use oauthgate_dev_issuer::{Changes, DevIssuer, DevIssuerOptions, Emulation, Kind, StaticClient};
use reqwest::{Certificate, Client, Proxy};
use serde_json::{Value, json};

use crate::names::Names;

/// Variables by which a gate logs in to ask about tokens.
const INTROSPECTION: [&str; 2] = [
    "OAUTHGATE_INTROSPECTION_CLIENT_ID",
    "OAUTHGATE_INTROSPECTION_CLIENT_SECRET",
];

/// A running emulation, and the way to it.
#[derive(Debug)]
pub struct Emulated {
    issuer: DevIssuer,
    names: Names,
    emulation: Emulation,
    credentials: [String; 2],
}

impl Emulated {
    /// The emulation of this name. Its documents and tokens carry the provider's own host names.
    ///
    /// # Panics
    /// When there is no such emulation, or loopback has no free port.
    pub async fn start(name: &str) -> Self {
        Self::start_for(name, &[]).await
    }

    /// As [`Self::start`]; it knows the client by which a gate with these variables introspects.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_for(name: &str, variables: &[(String, String)]) -> Self {
        let emulation = Emulation::named(name);
        let emulation = emulation.unwrap_or_else(|| panic!("no emulation of {name}"));
        let value = |name| {
            let found = variables.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let [_, machine] = emulation.clients();
        let own = || [machine.to_owned(), Emulation::CLIENT_SECRET.to_owned()];
        let given = INTROSPECTION.map(value);
        let (clients, credentials) = match given {
            [Some(id), Some(secret)] => {
                let client = StaticClient::confidential(&id, &secret);
                (vec![client], [id, secret])
            }
            _ => (Vec::new(), own()),
        };
        let options = DevIssuerOptions {
            emulation: Some(emulation),
            real_names: true,
            auto_consent: true,
            clients,
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options)
            .await
            .expect("the emulation starts");
        let names = Names::leading_to(issuer.address().port()).await;
        Self {
            issuer,
            names,
            emulation,
            credentials,
        }
    }

    /// Which one.
    #[must_use]
    pub fn emulation(&self) -> Emulation {
        self.emulation
    }

    /// The authorization server itself.
    #[must_use]
    pub fn issuer(&self) -> &DevIssuer {
        &self.issuer
    }

    /// The way to its names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A token of this kind, changed.
    #[must_use]
    pub fn token(&self, kind: Kind, changes: Changes) -> String {
        self.issuer.emulated_token(kind, changes)
    }

    /// What the provider answers when it is asked about a token, in its own form.
    ///
    /// # Panics
    /// When it does not answer 200 and JSON.
    pub async fn answer_about(&self, token: &str) -> Value {
        let http = self.client();
        let [id, secret] = &self.credentials;
        let request = match self.emulation.preset() {
            "google" => http
                .get("https://oauth2.googleapis.com/tokeninfo")
                .query(&[("access_token", token)]),
            "github" => http
                .post(format!("https://api.github.com/applications/{id}/token"))
                .basic_auth(id, Some(secret))
                .json(&json!({"access_token": token})),
            _ => http
                .post(self.introspection_endpoint(&http).await)
                .basic_auth(id, Some(secret))
                .form(&[("token", token)]),
        };
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{answer:?}");
        answer.json().await.expect("JSON")
    }

    async fn introspection_endpoint(&self, http: &Client) -> String {
        let issuer = self.issuer.issuer().trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let answer = http.get(&url).send().await.expect("an answer");
        let document: Value = answer.json().await.expect("a metadata document");
        let endpoint = document["introspection_endpoint"].as_str();
        endpoint
            .unwrap_or_else(|| panic!("{url}: {document}"))
            .to_owned()
    }

    /// A client on the same way as the gate.
    fn client(&self) -> Client {
        let pem = std::fs::read(self.names.authority()).expect("the authority's file");
        let authority = Certificate::from_pem(&pem).expect("a certificate");
        let proxy = Proxy::https(self.names.proxy()).expect("a URL");
        let client = Client::builder()
            .proxy(proxy)
            .tls_certs_only([authority])
            .build();
        client.expect("a client")
    }
}
