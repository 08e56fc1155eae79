//! The arithmetic of [`oauthgate_core::quota`] in Lua, for Redis 6 and later, and Valkey.
//!
//! A key holds one number, the theoretical arrival time in microseconds of the server's time of day, and
//! lives until then. Every number is a whole one below 2^53, which Lua counts exactly; it is written with
//! `%.0f`, because Lua's own way to write numbers keeps fourteen digits. What lies there is not trusted:
//! no number, or one of the past, is nothing, and one that is further ahead than the quota can be is cut
//! and written back, so that neither a stranger nor a clock that was set back locks a caller out for
//! longer than a burst takes to come back. Of a long text no more is read than a number can have.
//!
//! The scripts exist twice, out of one text: by the server's clock, and for tests by a clock of theirs.

/// Sets `now`, in microseconds.
macro_rules! by_the_servers_clock {
    () => {
        "local time = redis.call('TIME')\nlocal now = time[1] * 1000000 + time[2]\n"
    };
}

/// Sets `held`, the arrival time, and `write`, which remembers another.
macro_rules! held {
    () => {
        "\
local held = tonumber(redis.pcall('GETRANGE', KEYS[1], 0, 16))
if not (held and held > now) then held = now end
local function write(arrival)
  local life = string.format('%.0f', math.ceil((arrival - now) / 1000))
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', life)
end
"
    };
}

/// Takes a price out of a quota of some depth. Says whether it was there, the time, and the arrival time
/// afterwards.
macro_rules! spend {
    ($($now:tt)*) => {
        concat!(
            "local price, depth = tonumber(ARGV[1]), tonumber(ARGV[2])\n",
            $($now)*,
            held!(),
            "\
local arrival = math.min(held, now + depth)
local fits = 0
if arrival + price <= now + depth then
  fits = 1
  arrival = arrival + price
end
if arrival ~= held then write(arrival) end
return {fits, now, arrival}"
        )
    };
}

/// Gives a price back that was taken when the arrival time became `taken`, as far as time has not done it.
/// Says how much that was.
macro_rules! give_back {
    ($($now:tt)*) => {
        concat!(
            "local price, taken = tonumber(ARGV[1]), tonumber(ARGV[2])\n",
            $($now)*,
            held!(),
            "\
local ahead = math.min(price, taken - now, held - now)
if ahead <= 0 then return 0 end
if held - ahead > now then write(held - ahead) else redis.call('DEL', KEYS[1]) end
return ahead"
        )
    };
}

/// Arguments: price and depth. Answer: 1 or 0, now, the arrival time.
pub(in crate::state::redis) const SPEND: &str = spend!(by_the_servers_clock!());
/// Arguments: price, and the arrival time when it was taken. Answer: how much was given back.
pub(in crate::state::redis) const GIVE_BACK: &str = give_back!(by_the_servers_clock!());

/// The same by a clock that the third argument tells.
#[cfg(test)]
pub(in crate::state::redis) mod by_a_told_clock {
    macro_rules! told {
        () => {
            "local now = tonumber(ARGV[3])\n"
        };
    }

    pub(in crate::state::redis) const SPEND: &str = spend!(told!());
    pub(in crate::state::redis) const GIVE_BACK: &str = give_back!(told!());
}
