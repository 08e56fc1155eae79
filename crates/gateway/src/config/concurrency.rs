//! How much may be under way at a time.

use super::{reader::Reader, settings::Limits, values};

/// Of all, of one address and of one caller.
pub(super) struct Concurrency {
    connections_per_address: Option<usize>,
    in_flight: usize,
    streams: usize,
    in_flight_per_subject: Option<usize>,
    streams_per_subject: Option<usize>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Concurrency> {
    let mut most = |key| {
        let number = reader.one(key, |text| values::number(text, 1..=1_000_000));
        number.and_then(|number| usize::try_from(number).ok())
    };
    let connections_per_address = most("max_connections_per_address");
    let in_flight = most("max_in_flight");
    let streams = most("max_streams");
    let in_flight_per_subject = most("max_in_flight_per_subject");
    let streams_per_subject = most("max_streams_per_subject");
    Some(Concurrency {
        connections_per_address,
        in_flight: in_flight?,
        streams: streams?,
        in_flight_per_subject,
        streams_per_subject,
    })
}

impl Concurrency {
    /// These limits, and the others as they are. One may have a quarter unless told otherwise, so that no three
    /// keep everybody else out.
    pub(super) fn of(self, limits: Limits) -> Limits {
        let share = |of_one: Option<usize>, of_all: usize| of_one.unwrap_or(of_all.div_ceil(4));
        Limits {
            connections_per_address: share(self.connections_per_address, limits.connections),
            in_flight: self.in_flight,
            streams: self.streams,
            in_flight_per_subject: share(self.in_flight_per_subject, self.in_flight),
            streams_per_subject: share(self.streams_per_subject, self.streams),
            ..limits
        }
    }
}
