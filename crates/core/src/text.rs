//! Text from strangers, made fit for a log line.

use std::fmt;

/// How many bytes of a stranger's text a log line or an error may carry.
pub const EXCERPT: usize = 256;

/// Shows text from a token or a request: escaped, so that it stays on its line, and cut at
/// [`EXCERPT`] bytes.
///
/// ```
/// use oauthgate_core::text::Printable;
///
/// assert_eq!(Printable("a\r\nb").to_string(), r"a\r\nb");
/// assert!(Printable(&"x".repeat(10_000)).to_string().len() < 300);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Printable<'text>(pub &'text str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = 0;
        for c in self.0.chars() {
            // Line separators and letters that run from right to left would rearrange the line.
            let escaped: String = if c.is_ascii() {
                c.escape_debug().collect()
            } else {
                c.escape_unicode().collect()
            };
            written = escaped.len().saturating_add(written);
            if written > EXCERPT {
                return f.write_str("…");
            }
            f.write_str(&escaped)?;
        }
        Ok(())
    }
}
