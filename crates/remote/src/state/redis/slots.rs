//! Which server of a cluster has which keys.

use redis::Value;

/// How many slots every cluster has.
pub(super) const SLOTS: u16 = 16_384;
/// More servers than any cluster has.
pub(super) const MOST_SERVERS: usize = 1_000;
/// Longer than any name of a host.
const LONGEST_HOST: usize = 255;
const NOBODY: u16 = u16::MAX;

/// A host and a port.
pub(super) type Server = (String, u16);

/// Which server has which slots. A server that nobody has told of is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots {
    servers: Vec<Server>,
    /// For each slot, who has it.
    owners: Box<[u16]>,
}

/// The slot of a key: CRC-16 (XMODEM) of it. No name of ours has braces, which would be a part that counts
/// alone.
pub(super) fn slot_of(key: &str) -> u16 {
    let step = |crc: u16, byte: u8| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            let carry = crc & 0x8000 != 0;
            (crc << 1) ^ if carry { 0x1021 } else { 0 }
        })
    };
    key.bytes().fold(0, step) % SLOTS
}

impl Slots {
    /// Reads the answer to `CLUSTER SLOTS`; `asked` is the host that gave it, which need not know its name.
    pub(super) fn read(answer: &Value, asked: &str) -> Option<Self> {
        let Value::Array(ranges) = answer else {
            return None;
        };
        let mut slots = Self {
            servers: Vec::new(),
            owners: vec![NOBODY; usize::from(SLOTS)].into(),
        };
        for range in ranges {
            let Value::Array(parts) = range else {
                return None;
            };
            let [Value::Int(first), Value::Int(last), master, ..] = &parts[..] else {
                return None;
            };
            let (first, last) = (slot(*first)?, slot(*last)?);
            if first > last {
                return None;
            }
            let owner = slots.number_of(server(master, asked)?)?;
            slots
                .owners
                .get_mut(usize::from(first)..=usize::from(last))?
                .fill(owner);
        }
        (!slots.servers.is_empty()).then_some(slots)
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Server> {
        let owner = *self.owners.get(usize::from(slot))?;
        self.servers.get(usize::from(owner))
    }

    /// A server said that a slot is elsewhere.
    pub(super) fn moved(&mut self, slot: u16, server: Server) {
        let number = self.number_of(server);
        if let (Some(owner), Some(number)) = (self.owners.get_mut(usize::from(slot)), number) {
            *owner = number;
        }
    }

    pub(super) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Whether every slot is somebody's.
    pub(super) fn are_complete(&self) -> bool {
        !self.owners.contains(&NOBODY)
    }

    fn number_of(&mut self, server: Server) -> Option<u16> {
        let known = self.servers.iter().position(|known| *known == server);
        let number = known.unwrap_or(self.servers.len());
        if number >= MOST_SERVERS {
            return None;
        }
        if known.is_none() {
            self.servers.push(server);
        }
        u16::try_from(number).ok()
    }
}

fn slot(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number < SLOTS)
}

fn server(described: &Value, asked: &str) -> Option<Server> {
    let Value::Array(parts) = described else {
        return None;
    };
    let [host, Value::Int(port), ..] = &parts[..] else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::Nil => "",
        _ => return None,
    };
    let port = u16::try_from(*port).ok().filter(|port| *port != 0)?;
    if host.len() > LONGEST_HOST {
        return None;
    }
    // A server that does not know its own name leaves it out, or says so.
    let is_known = !matches!(host, "" | "?");
    Some((if is_known { host } else { asked }.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let master = Value::Array(vec![host, Value::Int(port), text("id")]);
        Value::Array(vec![Value::Int(first), Value::Int(last), master])
    }

    #[test]
    fn a_key_is_in_the_slot_where_redis_looks_for_it() {
        // Known values: the specification's check value, and what `CLUSTER KEYSLOT` says.
        for (key, slot) in [
            ("", 0),
            ("123456789", 0x31c3 % SLOTS),
            ("foo", 12_182),
            ("bar", 5_061),
        ] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
    }

    #[test]
    fn slots_are_whose_the_server_says() {
        let answer = Value::Array(vec![
            range(0, 99, text("10.0.0.1"), 7_000),
            range(100, 16_383, Value::Nil, 7_001),
        ]);
        let mut slots = Slots::read(&answer, "asked").unwrap();
        let (first, second) = (("10.0.0.1".to_owned(), 7_000), ("asked".to_owned(), 7_001));
        assert_eq!(slots.owner(99), Some(&first));
        assert_eq!(slots.owner(100), Some(&second));
        assert!(slots.are_complete());
        slots.moved(5, ("new".to_owned(), 7_002));
        assert_eq!(slots.owner(5), Some(&("new".to_owned(), 7_002)));
        slots.moved(16_384, first);
        assert_eq!(slots.servers().len(), 3);
        let half = Value::Array(vec![range(0, 99, text("a"), 1)]);
        let half = Slots::read(&half, "asked").unwrap();
        assert!(!half.are_complete());
        assert_eq!(half.owner(100), None);
    }

    #[test]
    fn e9_what_no_cluster_says_is_not_believed() {
        for range in [
            range(-1, 5, text("a"), 1),
            range(0, 16_384, text("a"), 1),
            range(5, 4, text("a"), 1),
            range(0, 5, text("a"), 0),
            range(0, 5, text("a"), 65_536),
            range(0, 5, text(&"a".repeat(256)), 1),
            range(0, 5, Value::BulkString(vec![0xff]), 1),
            range(0, 5, Value::Int(1), 1),
            Value::Array(vec![Value::Int(1), Value::Int(2)]),
            Value::Nil,
        ] {
            let answer = Value::Array(vec![range]);
            assert_eq!(Slots::read(&answer, "asked"), None, "{answer:?}");
        }
        assert_eq!(Slots::read(&Value::Array(Vec::new()), "asked"), None);
        assert_eq!(Slots::read(&Value::Okay, "asked"), None);
    }

    #[test]
    fn e9_servers_without_end_are_not_remembered() {
        let ranges = (0..1_001).map(|port| range(port, port, text("a"), port + 1));
        assert_eq!(Slots::read(&Value::Array(ranges.collect()), "asked"), None);
        let ranges = (0..1_000).map(|port| range(port, port, text("a"), port + 1));
        let mut slots = Slots::read(&Value::Array(ranges.collect()), "asked").unwrap();
        slots.moved(0, ("b".to_owned(), 1));
        assert_eq!(slots.servers().len(), 1_000);
    }
}
