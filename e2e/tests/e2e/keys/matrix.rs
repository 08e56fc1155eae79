//! R6, the fail-closed matrix: what the gate depends on × how it fails.
//!
//! Each cell is the life of one gate. *Cold*: it starts while the fault is there, so nothing can be
//! verified, and every token is answered 503 without a challenge. *Healed*: the fault ends, and the gate
//! serves without being told. *Warm*: the fault comes back while keys are held, so good tokens pass and
//! forged ones get 401. In no state does a forged token reach the upstream. A store for replicas is no
//! condition: a gate without it is a gate alone. Introspection is one for opaque tokens only: JWTs of the
//! same issuer go on, and what is remembered of a good token lives its time and no longer.

mod cell;
mod column;
mod introspection;
mod no_answer;
mod self_signed;

use futures_util::future::join_all;
use oauthgate_e2e::Signer;
use tokio::sync::Semaphore;

use self::{
    cell::{Cell, Outcome},
    column::Fault,
};

/// Gates that live at a time: most of them wait for a time limit.
const AT_A_TIME: usize = 24;

/// What a gate depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dependency {
    Dns,
    Tls,
    Discovery,
    Jwks,
    Introspection,
    SharedStore,
    Reload,
    Clock,
}

impl Dependency {
    const ALL: [Self; 8] = [
        Self::Dns,
        Self::Tls,
        Self::Discovery,
        Self::Jwks,
        Self::Introspection,
        Self::SharedStore,
        Self::Reload,
        Self::Clock,
    ];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r6_d5_whatever_fails_in_whatever_way_no_forged_token_passes() {
    let signer = Signer::start().await;
    let turns = Semaphore::new(AT_A_TIME);
    let cells = Dependency::ALL.iter().flat_map(|dependency| {
        Fault::ALL.map(|fault| Cell {
            dependency: *dependency,
            fault,
        })
    });
    let outcomes = join_all(cells.map(async |cell| {
        let _turn = turns.acquire().await.expect("nobody closes it");
        cell.live(signer.clone()).await
    }))
    .await;
    eprintln!("{}", table(&outcomes));
    let lived = outcomes.iter().filter(|outcome| outcome.lived()).count();
    assert_eq!(outcomes.len(), 48);
    assert_eq!(lived, 39, "cells that were lived through here");
}

fn table(outcomes: &[Outcome]) -> String {
    let lines = outcomes.iter().map(Outcome::to_string);
    lines.collect::<Vec<_>>().join("\n")
}
