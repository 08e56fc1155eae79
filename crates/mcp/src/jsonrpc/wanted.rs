//! Which arguments a policy reads: a set of JSON Pointers, as a tree.

use std::{collections::BTreeMap, sync::Arc};

use oauthgate_core::SettingError;

/// A set of JSON Pointers (RFC 6901) into a call's `arguments`. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    root: Arc<Node>,
}

/// One step of some pointers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// The pointer that ends here.
    pub(super) pointer: Option<Arc<str>>,
    pub(super) children: BTreeMap<String, Node>,
}

impl Wanted {
    /// No argument at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What stands at these pointers.
    ///
    /// # Errors
    /// When a pointer does not start with `/`, or holds a `~` that is neither `~0` nor `~1`.
    pub fn at<P: AsRef<str>>(pointers: impl IntoIterator<Item = P>) -> Result<Self, SettingError> {
        let mut root = Node::default();
        for pointer in pointers {
            root.want(pointer.as_ref())?;
        }
        Ok(Self {
            root: Arc::new(root),
        })
    }

    /// Whether no argument is read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.children.is_empty()
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }
}

impl Node {
    fn want(&mut self, pointer: &str) -> Result<(), SettingError> {
        let mut node = self;
        for segment in segments(pointer)? {
            node = node.children.entry(segment).or_default();
        }
        node.pointer = Some(pointer.into());
        Ok(())
    }
}

fn segments(pointer: &str) -> Result<Vec<String>, SettingError> {
    let wrong = || {
        SettingError::new(
            "not a JSON Pointer (RFC 6901)",
            "a path into the arguments, for example /path or /options/mode",
        )
    };
    let rest = pointer.strip_prefix('/').ok_or_else(wrong)?;
    rest.split('/')
        .map(|segment| unescape(segment).ok_or_else(wrong))
        .collect()
}

fn unescape(segment: &str) -> Option<String> {
    let mut pieces = segment.split('~');
    let mut plain = pieces.next()?.to_owned();
    for piece in pieces {
        let (escaped, rest) = piece.split_at_checked(1)?;
        plain.push(match escaped {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        plain.push_str(rest);
    }
    Some(plain)
}
