//! What the system gives to whom. Which core does what: the server under test has one for itself; load, upstream and issuer have another.

use std::io;

use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// The two cores of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    server: usize,
    load: usize,
}

impl Cores {
    /// The first two that this process may use; on a machine with one, both are the same.
    pub(crate) fn choose() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = allowed.next().unwrap_or_default();
        let load = allowed.next().unwrap_or(server);
        Ok(Self { server, load })
    }

    pub(crate) fn describe(self) -> String {
        format!(
            "server under test on core {}, load, upstream and issuer on core {}",
            self.server, self.load
        )
    }

    /// This thread, and all that it will spawn, belong to the load from now on.
    pub(crate) fn become_load(self) -> io::Result<()> {
        pin(&[self.load])
    }

    /// Does something on the server's core: processes and threads that are spawned meanwhile stay there.
    pub(crate) fn on_the_servers<T>(self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        pin(&[self.server])?;
        let done = work();
        self.become_load()?;
        done
    }
}

fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    Ok(sched_setaffinity(None, &set)?)
}

/// As many descriptors as the system lets this process and its children have: each stream needs one at every hop.
pub(crate) fn allow_many_descriptors() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}
