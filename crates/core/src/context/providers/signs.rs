//! Signs of a program, on claims at the top level.

use crate::{claims::ClaimPointer, context::MachineSign};

pub(super) fn absent(claim: &str) -> MachineSign {
    MachineSign::Absent(ClaimPointer::claim(claim))
}

pub(super) fn present(claim: &str) -> MachineSign {
    MachineSign::Present(ClaimPointer::claim(claim))
}

pub(super) fn equals(claim: &str, value: &str) -> MachineSign {
    MachineSign::Equals(ClaimPointer::claim(claim), value.to_owned())
}

pub(super) fn starts_with(claim: &str, start: &str) -> MachineSign {
    MachineSign::StartsWith(ClaimPointer::claim(claim), start.to_owned())
}

pub(super) fn ends_with(claim: &str, end: &str) -> MachineSign {
    MachineSign::EndsWith(ClaimPointer::claim(claim), end.to_owned())
}

pub(super) fn same(claim: &str, other: &str) -> MachineSign {
    MachineSign::SameAs(ClaimPointer::claim(claim), ClaimPointer::claim(other))
}

pub(super) fn differs(claim: &str, other: &str) -> MachineSign {
    MachineSign::DiffersFrom(ClaimPointer::claim(claim), ClaimPointer::claim(other))
}

pub(super) fn all(signs: Vec<MachineSign>) -> MachineSign {
    MachineSign::All(signs)
}
