//! A browser for logins that need no hands: keeps cookies, follows redirects.

use std::collections::BTreeMap;

use http::header::{COOKIE, LOCATION, SET_COOKIE};
use url::Url;

/// Where clients ask to be sent back to; nothing listens there, the URL itself is the answer.
pub const REDIRECT_URI: &str = "http://127.0.0.1:1/callback";
/// More hops than any login of ours has.
const MAX_HOPS: usize = 20;

/// One browser profile.
#[derive(Debug, Default)]
pub struct Browser {
    /// By origin, then by name.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    /// Opens a login and follows it until it is sent back to the client; returns that URL.
    ///
    /// # Panics
    /// When the login stops somewhere else.
    pub async fn log_in(&mut self, start: &str) -> Url {
        let http = client();
        let mut url = Url::parse(start).expect("an absolute URL");
        for _ in 0..MAX_HOPS {
            if url.as_str().starts_with(REDIRECT_URI) {
                return url;
            }
            let response = http
                .get(url.clone())
                .header(COOKIE, self.cookie_header(&url))
                .send()
                .await
                .expect("an answer");
            self.keep(&url, &response);
            let location = response
                .headers()
                .get(LOCATION)
                .map(|value| value.to_str().expect("ASCII").to_owned());
            let Some(location) = location else {
                panic!(
                    "the login stopped at {url}: {} {}",
                    response.status(),
                    response.text().await.unwrap_or_default()
                );
            };
            url = url.join(&location).expect("a URL");
        }
        panic!("the login never came back");
    }

    fn cookie_header(&self, url: &Url) -> String {
        let jar = self.cookies.get(&url.origin().ascii_serialization());
        let pairs = jar
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, url: &Url, response: &reqwest::Response) {
        let jar = self
            .cookies
            .entry(url.origin().ascii_serialization())
            .or_default();
        for line in response.headers().get_all(SET_COOKIE) {
            let pair = line
                .to_str()
                .unwrap_or_default()
                .split(';')
                .next()
                .unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// An HTTP client that follows nothing and asks no proxy.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client without TLS settings")
}
