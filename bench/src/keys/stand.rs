//! A contender with an authorization server of its own.

use std::time::{Duration, Instant};

use crate::{
    contender::{Contender, Kind, Parts, Setup},
    issuer::{Fault, Issuer},
    load::{GoodClients, Strangers},
    plan::Plan,
    token::{SigningKey, Stranger},
    upstream::Upstream,
};

/// How long the first good request may take.
const WARM_UP_LIMIT: Duration = Duration::from_secs(30);

/// What all scenarios share.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) parts: Parts,
    pub(crate) contenders: Vec<Kind>,
    pub(crate) plan: Plan,
    upstream: Upstream,
}

impl Bench {
    pub(crate) async fn start(
        contenders: Vec<Kind>,
        parts: Parts,
        plan: Plan,
    ) -> Result<Self, String> {
        let upstream = Upstream::start()
            .await
            .map_err(|error| format!("no upstream: {error}"))?;
        Ok(Self {
            contenders,
            parts,
            plan,
            upstream,
        })
    }
}

/// A running contender and the authorization server that it trusts.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) kind: Kind,
    pub(crate) issuer: Issuer,
    pub(crate) key: SigningKey,
    setup: Setup,
    contender: Option<Contender>,
    plan: Plan,
}

impl Stand {
    /// Starts both; the authorization server answers as told, and the contender listens.
    pub(crate) async fn start(
        bench: &Bench,
        kind: Kind,
        fault: Fault,
        adjust: impl FnOnce(Setup) -> Setup,
    ) -> Result<Self, String> {
        let key = SigningKey::generate("first");
        let cannot = |error: std::io::Error| format!("no authorization server: {error}");
        let issuer = Issuer::start(&key).await.map_err(cannot)?;
        issuer.set(fault);
        let setup = adjust(Setup::new(&issuer, bench.upstream.port()).map_err(cannot)?);
        let contender = Contender::start(kind, &bench.parts, &setup).await?;
        Ok(Self {
            kind,
            issuer,
            key,
            setup,
            contender: Some(contender),
            plan: bench.plan,
        })
    }

    /// The same, with a fast authorization server, after its first good answer.
    pub(crate) async fn start_warm(
        bench: &Bench,
        kind: Kind,
        adjust: impl FnOnce(Setup) -> Setup,
    ) -> Result<Self, String> {
        let stand = Self::start(bench, kind, Fault::NONE, adjust).await?;
        let begin = Instant::now();
        let clients = stand.good_clients();
        while clients
            .until(Instant::now() + Duration::from_millis(100))
            .await
            .refused()
            > 0
        {
            if begin.elapsed() > WARM_UP_LIMIT {
                return Err(format!("{} refuses good tokens", kind.name()));
            }
        }
        Ok(stand)
    }

    /// Kills the process and starts it again.
    pub(crate) async fn restart(&mut self, bench: &Bench) -> Result<(), String> {
        self.contender = None;
        let contender = Contender::start(self.kind, &bench.parts, &self.setup).await?;
        self.contender = Some(contender);
        Ok(())
    }

    pub(crate) fn good_clients(&self) -> GoodClients {
        self.good_clients_with(&self.key)
    }

    /// Good clients whose tokens this key signed.
    pub(crate) fn good_clients_with(&self, key: &SigningKey) -> GoodClients {
        GoodClients {
            target: self.setup.address(),
            tokens: key.tokens(self.setup.parties()).into(),
            connections: self.plan.good_connections,
            pause: self.plan.good_pause,
        }
    }

    pub(crate) fn strangers(&self) -> Strangers {
        Strangers::new(
            self.setup.address(),
            Stranger::new(self.setup.parties().clone()),
            self.plan.strangers,
            self.plan.strangers_per_second,
        )
    }
}
