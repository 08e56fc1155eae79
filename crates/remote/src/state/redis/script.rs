//! The commands that we send. Nothing in a script is put together from text: keys and values are arguments.

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use redis::{Cmd, cmd};

/// Does, on a key of its own, all that the other commands do, so that a server which lacks a right or
/// takes no writes is found out at once.
const PROBE: &str = "\
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 1000)
redis.call('GET', KEYS[1])
redis.call('GETRANGE', KEYS[1], 0, 1)
redis.call('TIME')
return redis.call('DEL', KEYS[1])";

/// Sets a value if the key holds what it is thought to hold (nothing: the empty text).
const REPLACE: &str = "\
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'table' or (held or '') ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1";

/// Sets a value where there is none (or the empty text), and else tells how the one begins that is there.
const CLAIM: &str = "\
local held = redis.pcall('GETRANGE', KEYS[1], 0, ARGV[3])
if type(held) == 'table' then return 0 end
if held ~= '' then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Deletes a key if it holds this value.
const GIVE_BACK: &str = "\
if redis.pcall('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// A script that Redis keeps, so that its name is enough to run it.
#[derive(Debug, Clone)]
pub(super) struct Script {
    text: &'static str,
    /// Redis names scripts by their SHA-1. Nothing depends on it that an attacker could gain by.
    name: String,
}

/// One run of a script, on one key: a cluster runs it wherever that key is.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) key: String,
    pub(super) arguments: Vec<String>,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        let name = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let name = name.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Self {
            text,
            name: name.collect(),
        }
    }

    /// For a server that knows the script.
    pub(super) fn by_name(&self, call: &Call) -> Cmd {
        Self::run("EVALSHA", &self.name, call)
    }

    /// For a server that does not know it, and knows it then.
    pub(super) fn by_text(&self, call: &Call) -> Cmd {
        Self::run("EVAL", self.text, call)
    }

    fn run(how: &str, script: &str, call: &Call) -> Cmd {
        let mut command = cmd(how);
        command
            .arg(script)
            .arg(1)
            .arg(&call.key)
            .arg(&call.arguments);
        command
    }
}

/// The servers of a cluster, and who has which slots.
pub(super) fn cluster_slots() -> Cmd {
    let mut command = cmd("CLUSTER");
    command.arg("SLOTS");
    command
}

/// Where the master of this name is.
pub(super) fn master_address(name: &str) -> Cmd {
    let mut command = cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    command
}

fn eval(script: &str, key: &str) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(script).arg(1).arg(key);
    command
}

/// The probe by its text, and then by its name: a server may permit the one and not the other.
pub(super) fn probes(key: &str) -> [Cmd; 2] {
    let script = Script::new(PROBE);
    let call = Call {
        key: key.to_owned(),
        arguments: vec!["probe".to_owned()],
    };
    [script.by_text(&call), script.by_name(&call)]
}

pub(super) fn replace(key: &str, held: &[u8], value: &[u8], life: Option<Duration>) -> Cmd {
    let mut command = eval(REPLACE, key);
    command
        .arg(held)
        .arg(value)
        .arg(life.map_or(0, milliseconds));
    command
}

pub(super) fn give_back(key: &str, value: &[u8]) -> Cmd {
    let mut command = eval(GIVE_BACK, key);
    command.arg(value);
    command
}

/// At most `most` bytes from the beginning; nothing where there is no such key.
pub(super) fn read(key: &str, most: usize) -> Cmd {
    let mut command = cmd("GETRANGE");
    command.arg(key).arg(0).arg(most.saturating_sub(1));
    command
}

pub(super) fn put(key: &str, value: &[u8], life: Option<Duration>) -> Cmd {
    let mut command = cmd("SET");
    command.arg(key).arg(value);
    if let Some(life) = life {
        command.arg("PX").arg(milliseconds(life));
    }
    command
}

pub(super) fn claim(key: &str, value: &[u8], life: Duration, most: usize) -> Cmd {
    let mut command = eval(CLAIM, key);
    command
        .arg(value)
        .arg(milliseconds(life))
        .arg(most.saturating_sub(1));
    command
}

/// Never zero, which Redis takes for a mistake.
fn milliseconds(life: Duration) -> u64 {
    u64::try_from(life.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, 1 << 48)
}
