//! How long peers are waited for, and how much they may send.

use std::num::NonZeroU32;

use super::{
    reader::Reader,
    settings::{Limits, Sizes, UpstreamTimeouts},
    values,
};

pub(super) fn limits(reader: &mut Reader<'_>) -> Option<Limits> {
    let mut seconds = |key, least| reader.one(key, |text| values::seconds(text, least..=3600));
    let drain = seconds("drain_timeout", 0);
    let idle = seconds("idle_timeout", 1);
    let head = seconds("header_timeout", 1);
    let body = seconds("body_timeout", 1);
    let send = seconds("send_timeout", 1);
    let mut number = |key, range| reader.one(key, |text| values::number(text, range));
    let rate = number("min_rate", 0..=1_000_000);
    let connections = number("max_connections", 1..=1_000_000);
    let header_bytes = number("max_header_bytes", 8 * 1024..=1024 * 1024);
    let headers = number("max_headers", 10..=10_000);
    Some(Limits {
        drain: drain?,
        idle: idle?,
        head: head?,
        body: body?,
        send: send?,
        rate: NonZeroU32::new(u32::try_from(rate?).ok()?),
        connections: usize::try_from(connections?).ok()?,
        header_bytes: usize::try_from(header_bytes?).ok()?,
        headers: usize::try_from(headers?).ok()?,
        ..Limits::default()
    })
}

pub(super) fn timeouts(reader: &mut Reader<'_>) -> Option<UpstreamTimeouts> {
    let mut seconds = |key, range| reader.one(key, |text| values::seconds(text, range));
    let connect = seconds("connect_timeout", 1..=300);
    let response = seconds("response_timeout", 1..=3600);
    let pause = seconds("response_idle_timeout", 1..=86_400);
    let tunnel_idle = seconds("tunnel_idle_timeout", 0..=604_800);
    Some(UpstreamTimeouts {
        connect: connect?,
        response: response?,
        pause: pause?,
        tunnel_idle: tunnel_idle.map(|time| (!time.is_zero()).then_some(time))?,
    })
}

pub(super) fn sizes(reader: &mut Reader<'_>) -> Option<Sizes> {
    let mut number = |key, range| reader.one(key, |text| values::number(text, range));
    let request_body = number("max_body_bytes", 1024..=1 << 50);
    let response_head = number("max_response_header_bytes", 8 * 1024..=1024 * 1024);
    Some(Sizes {
        request_body: request_body?,
        response_head: usize::try_from(response_head?).ok()?,
    })
}
