//! Which resource a path belongs to.

use std::borrow::Cow;

use crate::proxy::admission::RequestPath;

/// Values by resource path; the most specific path wins.
#[derive(Debug, Clone)]
pub struct Routes<T> {
    // The longest path first.
    entries: Vec<Route<T>>,
}

#[derive(Debug, Clone)]
struct Route<T> {
    path: String,
    /// The path whatever its case.
    lower: String,
    value: T,
}

impl<T> Routes<T> {
    /// Routes by resource path (without trailing slash; empty for the root).
    pub fn new(entries: impl IntoIterator<Item = (String, T)>) -> Self {
        let route = |(path, value): (String, T)| Route {
            lower: path.to_lowercase(),
            path,
            value,
        };
        let mut entries: Vec<_> = entries.into_iter().map(route).collect();
        entries.sort_by_key(|route| std::cmp::Reverse(route.path.len()));
        Self { entries }
    }

    /// The value of the resource that the path belongs to.
    ///
    /// A path that belongs to a *more specific* resource once its case is ignored belongs to none:
    /// upstreams that ignore case would serve that other resource under this one's rules.
    #[must_use]
    pub fn find(&self, path: &RequestPath) -> Option<&T> {
        let lower = lower(path.decoded());
        let route = self
            .entries
            .iter()
            .find(|route| lies_under(&lower, &route.lower))?;
        path.lies_under(&route.path).then_some(&route.value)
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|route| &route.value)
    }
}

/// The path in lower case; most are.
fn lower(path: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    match path.bytes().all(is_lower) {
        true => Cow::Borrowed(path),
        false => Cow::Owned(path.to_lowercase()),
    }
}

fn lies_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/mcp", Some("mcp"))]
    #[case("/mcp/", Some("mcp"))]
    #[case("/mcp/x", Some("mcp"))]
    #[case("/mcp/admin", Some("admin"))]
    #[case("/mcp/%61dmin/x", Some("admin"))]
    #[case("/mcp/administrator", Some("mcp"))]
    #[case("/mcp/ADMIN", None)]
    #[case("/MCP", None)]
    #[case("/mcp/%c3%84", Some("mcp"))]
    #[case("/other", None)]
    #[case("/", None)]
    fn f16_the_most_specific_resource_wins(#[case] path: &str, #[case] expected: Option<&str>) {
        let entries = [("/mcp", "mcp"), ("/mcp/admin", "admin")];
        let routes = Routes::new(entries.map(|(path, name)| (path.to_owned(), name)));
        let path = RequestPath::parse(path).unwrap();
        assert_eq!(routes.find(&path).copied(), expected);
    }

    #[rstest]
    #[case("/", Some("root"))]
    #[case("/anything", Some("root"))]
    #[case("/mcp", Some("mcp"))]
    #[case("/%6d%63p/x", Some("mcp"))]
    #[case("/Mcp/x", None)]
    #[case("/mcpX", Some("root"))]
    fn f16_another_case_does_not_escape_to_the_root(
        #[case] path: &str,
        #[case] expected: Option<&str>,
    ) {
        let routes = Routes::new([(String::new(), "root"), ("/mcp".to_owned(), "mcp")]);
        let path = RequestPath::parse(path).unwrap();
        assert_eq!(routes.find(&path).copied(), expected);
    }
}
