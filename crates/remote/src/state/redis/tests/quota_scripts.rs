//! The scripts beside the same arithmetic in memory.

use std::{fmt::Write, sync::Arc};

use oauthgate_core::quota::{Verdict, decide};

use super::server::RedisServer;
use crate::state::{
    quotas::{
        Charge, LocalQuotas, QuotaKey,
        tests::{
            StillClock,
            schedules::{Dice, Schedule},
        },
    },
    redis::quotas::script::by_a_told_clock::{GIVE_BACK, SPEND},
};

const SCHEDULES: u64 = 100_000;
const AT_ONCE: u64 = 2_500;

/// What is done to a quota: when, and what.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Spend {
        now: u64,
        cost: u32,
    },
    /// What was spent last, if it was within.
    GiveBack {
        now: u64,
    },
}

/// The requests of a schedule, of which some are given back, at once or later.
fn deeds(number: u64, schedule: &Schedule) -> Vec<Deed> {
    let mut dice = Dice(!number);
    let mut deeds = Vec::new();
    let mut late = 0;
    for (now, cost) in schedule.requests() {
        deeds.push(Deed::Spend {
            now: now + late,
            cost,
        });
        if dice.below(4) == 0 {
            late += dice.below(3) * dice.below(schedule.quota.depth());
            deeds.push(Deed::GiveBack { now: now + late });
        }
    }
    deeds
}

/// What memory makes of them: 1 or 0 and how far ahead the arrival time is then; what it does not tell
/// about what was given back is seen in the next.
fn in_memory(schedule: &Schedule, deeds: &[Deed]) -> String {
    let clock = Arc::new(StillClock::default());
    let quotas = LocalQuotas::new(1, clock.clone());
    let key = QuotaKey::of(&["caller"]);
    let quota = schedule.quota;
    let mut last = None;
    let mut said = String::new();
    for deed in deeds {
        match *deed {
            Deed::Spend { now, cost } => {
                clock.set(now);
                let charge = Charge { key, quota, cost };
                let taken = quotas.take(&charge, 100, now).ok();
                let ahead = quotas.arrival(&charge).saturating_sub(now);
                let fits = u8::from(taken.is_some());
                last = taken.map(|taken| (charge, taken));
                write!(said, "{fits} {ahead} ").unwrap();
            }
            Deed::GiveBack { now } => {
                clock.set(now);
                if let Some((charge, taken)) = last.take() {
                    quotas.give_back(&[charge], 100, &[taken]);
                }
            }
        }
    }
    said
}

/// Runs many schedules in one go, in which no key ends: each line is one, of words with a letter first.
fn driver() -> String {
    format!(
        "\
local function spend(KEYS, ARGV)
{SPEND}
end
local function give_back(KEYS, ARGV)
{GIVE_BACK}
end
local said = {{}}
for line in ARGV[1]:gmatch('[^\\n]+') do
  local key, depth, price, taken
  for letter, one, two in line:gmatch('(%a)(%d+),(%d+)') do
    if letter == 'd' then depth, key = one, {{'quota' .. two}}
    elseif letter == 's' then
      local answer = spend(key, {{two, depth, one}})
      said[#said + 1] = string.format('%d %.0f ', answer[1], answer[3] - answer[2])
      price, taken = two, answer[1] == 1 and string.format('%.0f', answer[3])
    elseif taken then
      give_back(key, {{price, taken, one}})
      taken = nil
    end
  end
  said[#said + 1] = '\\n'
end
return table.concat(said)"
    )
}

fn line(number: u64, schedule: &Schedule, deeds: &[Deed]) -> String {
    let mut line = format!("d{},{number}", schedule.quota.depth());
    for deed in deeds {
        match deed {
            Deed::Spend { now, cost } => {
                write!(line, " s{now},{}", schedule.quota.price(*cost)).unwrap();
            }
            Deed::GiveBack { now } => write!(line, " g{now},0").unwrap(),
        }
    }
    line
}

fn run(server: &RedisServer, lines: &[String]) -> String {
    let text = lines.join("\n");
    let answer = server.command(&[b"EVAL", driver().as_bytes(), b"0", text.as_bytes()]);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with('$'), "{answer}");
    answer.split_once("\r\n").unwrap().1.to_owned()
}

#[test]
fn a_hundred_thousand_schedules_go_in_redis_as_in_memory() {
    let server = RedisServer::start();
    for first in (0..SCHEDULES).step_by(AT_ONCE as usize) {
        let numbers = first..first + AT_ONCE;
        let schedules: Vec<_> = numbers
            .map(|number| {
                let schedule = Schedule::numbered(number);
                let deeds = deeds(number, &schedule);
                (number, schedule, deeds)
            })
            .collect();
        let lines = schedules
            .iter()
            .map(|(number, schedule, deeds)| line(*number, schedule, deeds));
        let answer = run(&server, &lines.collect::<Vec<_>>());
        let mut in_redis = answer.lines();
        for (number, schedule, deeds) in &schedules {
            let expected = in_memory(schedule, deeds);
            assert_eq!(
                in_redis.next(),
                Some(expected.as_str()),
                "{number}: {schedule:?} {deeds:?}"
            );
        }
        server.command(&[b"FLUSHALL"]);
    }
}

#[test]
fn e9_whatever_lies_under_a_key_is_read_as_a_time_that_a_quota_can_have() {
    let server = RedisServer::start();
    let now = 1_800_000_000_000_000_u64;
    let schedule = Schedule::numbered(1);
    let quota = schedule.quota;
    let depth = quota.depth();
    let long = "9".repeat(1_000_000);
    let far = (now + depth + 1).to_string();
    let near = (now + depth - 1).to_string();
    // What lies there, and as which time it is read.
    let planted: [(&str, u64); 17] = [
        ("", 0),
        ("0", 0),
        ("-1", 0),
        ("-9999999999999999", 0),
        ("nan", 0),
        ("-nan", 0),
        ("-inf", 0),
        ("anna", 0),
        ("0x10", 0),
        ("\0\r\n", 0),
        ("1799999999999999", now - 1),
        (&near, now + depth - 1),
        (&far, u64::MAX),
        ("inf", u64::MAX),
        ("1e308", u64::MAX),
        ("99999999999999999999999", u64::MAX),
        (&long, u64::MAX),
    ];
    for (text, arrival) in planted {
        server.command(&[b"SET", b"quota7", text.as_bytes()]);
        let words = format!("d{depth},7 s{now},{}", quota.price(1));
        let said = run(&server, &[words]);
        let expected = match decide(quota, arrival, now, 1) {
            Verdict::Within { arrival, .. } => format!("1 {} ", arrival - now),
            Verdict::Over { .. } => format!("0 {} ", quota.credible(arrival, now) - now),
        };
        assert_eq!(said.lines().next(), Some(expected.as_str()), "{text:.40}");
        let is_kept = arrival == now + depth - 1;
        let life = server.command(&[b"PTTL", b"quota7"]);
        assert_eq!(life == b":-1\r\n", is_kept, "{text:.40}: it has an end now");
    }
    for words in [
        ["RPUSH", "quota7", "1", "2"],
        ["SADD", "quota7", "1", "2"],
        ["HSET", "quota7", "1", "2"],
        ["ZADD", "quota7", "1", "2"],
    ] {
        server.command(&[b"DEL", b"quota7"]);
        server.command(&words.map(str::as_bytes));
        let said = run(&server, &[format!("d{depth},7 s{now},{}", quota.price(1))]);
        let expected = format!("1 {} ", quota.price(1));
        assert_eq!(said.lines().next(), Some(expected.as_str()), "{words:?}");
    }
}
