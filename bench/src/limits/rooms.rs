//! The same flood without HTTP, in this process: the layer that counts refused tokens, and quotas.

use std::{
    convert::Infallible,
    io,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{Empty, Full};
use oauthgate_core::quota::Quota;
use oauthgate_remote::{
    OAuth21Provider,
    clock::SystemClock,
    state::quotas::{Charge, LocalQuotas, QuotaKey},
};
use oauthgate_tower::{ClientAddress, RefusedTokenBudget, ResourceServerLayer};
use tokio::runtime::Runtime;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    flood::{mib, shown},
    process::memory,
    report::{Goal, Report, grouped},
    stand::Stand,
    stranger::{Forger, address},
    wire::Statuses,
};

const TASKS: usize = 2;
/// As many as a gate remembers.
const QUOTA_KEYS: usize = 100_000;
const RESOURCE: &str = "https://mcp.example.com/mcp";
/// What the issue grants, in MiB.
const MOST_GROWTH: f64 = 64.0;

/// Memory of a layer that so many strangers have met.
pub(crate) fn run(
    runtime: &Runtime,
    stand: &Stand,
    strangers: u64,
    report: &mut Report,
) -> Result<(), String> {
    let name = format!("{} strangers in process", grouped(strangers));
    let layer = layer(stand)?;
    let good = stand.token(RESOURCE, "good");
    let before = resident()?;
    let begin = Instant::now();
    let heard = runtime.block_on(flood(layer, Forger::of(&good), strangers))?;
    let took = begin.elapsed().as_secs_f64();
    report.tell(&format!("{name}: they heard"), &shown(&heard));
    report.tell(
        &format!("{name}: requests per second"),
        &format!("{:.0}", strangers as f64 / took),
    );
    grown(report, "  resident memory: grown by, in MiB", before)?;
    let before = resident()?;
    let quotas = LocalQuotas::new(QUOTA_KEYS, Arc::new(SystemClock::new()));
    count(&quotas, strangers);
    let what = format!(
        "{} callers counted by quotas: grown by, in MiB",
        grouped(strangers)
    );
    grown(report, &what, before)?;
    let kept = format!("{} callers", grouped(quotas.keys() as u64));
    report.tell("  remembered of them", &kept);
    Ok(())
}

/// One request of each caller.
fn count(quotas: &LocalQuotas, callers: u64) {
    let quota = Quota::new(NonZeroU32::MIN, Duration::from_secs(1));
    for number in 0..callers {
        let key = QuotaKey::of(&["address", &address(number).to_string()]);
        let _ = quotas.spend_now(&[Charge {
            key,
            quota,
            cost: 1,
        }]);
    }
}

fn grown(report: &mut Report, what: &str, before: u64) -> Result<(), String> {
    let grown = resident()?.saturating_sub(before);
    let goal = Goal::AtMost(MOST_GROWTH);
    report.line(what, grown as f64 / 1024.0, &mib(grown), goal);
    Ok(())
}

fn resident() -> Result<u64, String> {
    let memory = memory(std::process::id()).map_err(|error: io::Error| error.to_string())?;
    Ok(memory.resident)
}

fn layer(stand: &Stand) -> Result<ResourceServerLayer<OAuth21Provider>, String> {
    let provider = OAuth21Provider::from_lookup(|name| {
        let value = match name {
            "MCP_SERVER_URL" | "OAUTH_AUDIENCE" => RESOURCE,
            "OAUTH_ISSUER_URL" => stand.issuer.issuer(),
            _ => return None,
        };
        Some(value.to_owned())
    });
    let provider = provider.map_err(|error| format!("no provider: {error}"))?;
    Ok(ResourceServerLayer::new(provider)
        .without_refusal_log()
        .refused_token_budget(Arc::new(RefusedTokenBudget::default())))
}

async fn flood(
    layer: ResourceServerLayer<OAuth21Provider>,
    forger: Forger,
    strangers: u64,
) -> Result<Statuses, String> {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            tokio::spawn(one(
                layer.clone(),
                forger.clone(),
                strangers,
                Arc::clone(&next),
            ))
        })
        .collect();
    let mut all = Statuses::new();
    for task in tasks {
        for (status, count) in task.await.map_err(|error| error.to_string())? {
            *all.entry(status).or_default() += count;
        }
    }
    Ok(all)
}

async fn one(
    layer: ResourceServerLayer<OAuth21Provider>,
    forger: Forger,
    strangers: u64,
    next: Arc<AtomicU64>,
) -> Statuses {
    let service = layer.layer(service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let mut heard = Statuses::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= strangers {
            return heard;
        }
        let request = Request::get("/mcp")
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", forger.token(number)),
            )
            .extension(ClientAddress(address(number)))
            .body(Empty::new())
            .expect("a request");
        let Ok(answer) = service.clone().oneshot(request).await;
        *heard.entry(answer.status().as_u16()).or_default() += 1;
    }
}
