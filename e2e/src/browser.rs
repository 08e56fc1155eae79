//! A browser for logins that need no hands: keeps cookies, follows redirects.

use std::collections::BTreeMap;

use http::{
    HeaderValue,
    header::{COOKIE, LOCATION, SET_COOKIE},
};
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
            let response = self.send(http.get(url.clone())).await;
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

    /// Sends a request with the cookies of its origin, and keeps those that come back.
    pub(crate) async fn send(&mut self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let (http, request) = request.build_split();
        let mut request = request.expect("a well-formed request");
        let url = request.url().clone();
        let cookies =
            HeaderValue::try_from(self.cookie_header(&url)).expect("cookies came in headers");
        request.headers_mut().insert(COOKIE, cookies);
        let response = http.execute(request).await.expect("an answer");
        self.keep(&url, &response);
        response
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
