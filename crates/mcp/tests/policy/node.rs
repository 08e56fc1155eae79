//! JSON as it was written: members in order, doubles included; and servers that read it in their own ways.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A JSON value as written.
#[derive(Debug)]
pub(crate) enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Plain(Value),
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(value) => value.as_str(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(AsWritten)
    }
}

struct AsWritten;

impl<'de> Visitor<'de> for AsWritten {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Node::Array(elements))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Plain(text.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Plain(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Plain(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Plain(number.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }
}

/// How a server might read: which of two members counts, and whether case does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) first_wins: bool,
    pub(crate) ignores_case: bool,
}

impl Reader {
    pub(crate) const ALL: [Self; 4] = [
        Self::new(true, true),
        Self::new(true, false),
        Self::new(false, true),
        Self::new(false, false),
    ];

    const fn new(first_wins: bool, ignores_case: bool) -> Self {
        Self {
            first_wins,
            ignores_case,
        }
    }

    pub(crate) fn member<'a>(self, node: &'a Node, name: &str) -> Option<&'a Node> {
        let Node::Object(members) = node else {
            return None;
        };
        let same = |found: &str| {
            if self.ignores_case {
                found.eq_ignore_ascii_case(name)
            } else {
                found == name
            }
        };
        let mut found = members
            .iter()
            .filter(|(found, _)| same(found))
            .map(|(_, value)| value);
        if self.first_wins {
            found.next()
        } else {
            found.next_back()
        }
    }

    pub(crate) fn text<'a>(self, node: &'a Node, name: &str) -> Option<&'a str> {
        self.member(node, name)?.text()
    }

    /// What is at a path of names, indices into arrays included.
    pub(crate) fn at<'a>(self, node: &'a Node, path: &[&str]) -> Option<&'a Node> {
        path.iter().try_fold(node, |node, step| match node {
            Node::Array(elements) => elements.get(step.parse::<usize>().ok()?),
            node => self.member(node, step),
        })
    }
}
