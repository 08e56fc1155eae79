//! One cell: the life of one gate with one fault.

use std::fmt;

use oauthgate_e2e::{Behaviour, Gate, GateBuilder, Issuer, Outlet, Recorder, Signer};

use super::{
    super::{assert_refuses_forged, assert_unavailable, eventually},
    Dependency,
    column::Fault,
    introspection,
    self_signed::SelfSigned,
};

/// A name that no resolver can even ask for: a label has 63 letters at most (RFC 1035 §2.3.4).
const UNSPEAKABLE: &str =
    "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/keys";
/// Nobody has a name below `.invalid` (RFC 6761 §6.4).
const NAMELESS: &str = "https://keys.invalid/keys";
/// An address where no issuer is.
const LINK_LOCAL: &str = "https://169.254.169.254/keys";

/// One dependency, failing in one way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) dependency: Dependency,
    pub(super) fault: Fault,
}

/// What became of a cell.
#[derive(Debug)]
pub(super) struct Outcome {
    cell: Cell,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Every assertion held; this is what was seen.
    Lived(String),
    /// Shown by this test, which can do what no process can do to its machine.
    Elsewhere(String),
}

/// What is done to an issuer, and undone again.
enum Trouble {
    Metadata(Behaviour),
    Keys(Behaviour),
    /// Its metadata names another place for its keys.
    Place(String),
    /// The same, and somebody listens there.
    Tls(Box<SelfSigned>),
}

impl Outcome {
    pub(super) fn lived(&self) -> bool {
        matches!(self.what, What::Lived(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dependency = format!("{:?}", self.cell.dependency);
        let fault = format!("{:?}", self.cell.fault);
        write!(f, "{dependency:<13} {fault:<11} ")?;
        match &self.what {
            What::Lived(seen) => write!(f, "{seen}; 0 forged accepted"),
            What::Elsewhere(test) => write!(f, "in crates/remote: {test}"),
        }
    }
}

impl Cell {
    pub(super) async fn live(self, signer: Signer) -> Outcome {
        let what = match self.trouble(&signer).await {
            Ok(trouble) => self.suffer(trouble, signer).await,
            Err(what) => what,
        };
        Outcome { cell: self, what }
    }

    async fn trouble(self, signer: &Signer) -> Result<Trouble, What> {
        let place = |url: &str| Ok(Trouble::Place(url.to_owned()));
        match (self.dependency, self.fault) {
            (Dependency::Dns, Fault::Refused) => place(NAMELESS),
            (Dependency::Dns, Fault::Garbage) => place(UNSPEAKABLE),
            (Dependency::Dns, Fault::WrongType) => place(LINK_LOCAL),
            (Dependency::Dns, fault) => Err(What::Elsewhere(fault.of_names())),
            (Dependency::Tls, fault) => Ok(Trouble::Tls(Box::new(
                SelfSigned::start(fault.of_tls(), signer).await,
            ))),
            (Dependency::Discovery, fault) => Ok(Trouble::Metadata(
                fault.of_http(r#"{"issuer":7,"jwks_uri":[]}"#),
            )),
            (Dependency::Jwks, fault) => Ok(Trouble::Keys(fault.of_http(r#"{"keys":{}}"#))),
            (Dependency::Introspection, fault) => {
                let seen = introspection::live(&self.name(), fault, signer).await;
                Err(What::Lived(seen))
            }
            (Dependency::SharedStore, fault) => Err(self.without_store(fault, signer).await),
            // What a hangup asks for is the keys.
            (Dependency::Reload, fault) => Ok(Trouble::Keys(fault.of_http(r#"{"keys":{}}"#))),
            (Dependency::Clock, fault) => Err(What::Elsewhere(fault.of_clock())),
        }
    }

    async fn suffer(self, trouble: Trouble, signer: Signer) -> What {
        let issuer = Issuer::with(signer).await;
        let upstream = Recorder::start().await;
        trouble.begin(&issuer).await;
        let gate = GateBuilder::trusting(&upstream.url(), issuer.name());
        let by_hangup = self.dependency == Dependency::Reload;
        // Renewed every second, so that a fault is met soon; or when told to, and hardly ever else.
        let gate = match by_hangup {
            true => gate,
            false => gate.set("OAUTH_JWKS_CACHE_TTL", "1"),
        };
        let life = Life {
            name: self.name(),
            gate: gate.start_unready().await,
            issuer,
            upstream,
        };
        let hang_up = || {
            if by_hangup {
                life.gate.process.signal("HUP");
            }
        };
        hang_up();
        let place = trouble.place();
        let cold = life.cold(&place).await;
        trouble.end(&life.issuer).await;
        hang_up();
        life.healed().await;
        let asked = life.issuer.metadata.requests();
        trouble.begin(&life.issuer).await;
        hang_up();
        if let Trouble::Metadata(behaviour) = &trouble
            && *behaviour != Behaviour::Refused
        {
            eventually(&format!("{}: metadata is asked", life.name), async || {
                life.issuer.metadata.requests() > asked
            })
            .await;
        }
        let warm = life.warm(&place).await;
        What::Lived(format!(
            "cold 503 ({cold}); healed 200; warm 200 and 401 ({warm})"
        ))
    }
}

impl Cell {
    fn name(self) -> String {
        format!("{:?}, {:?}", self.dependency, self.fault)
    }

    /// A gate whose store for replicas fails is a gate alone: the issuer decides what it answers.
    async fn without_store(self, fault: Fault, signer: &Signer) -> What {
        let store = Outlet::start(Vec::new()).await;
        store.behave(fault.of_redis()).await;
        let url = format!("redis://127.0.0.1:{}", store.port());
        let start = async |issuer: Issuer| {
            let upstream = Recorder::start().await;
            let gate = GateBuilder::trusting(&upstream.url(), issuer.name())
                .set("OAUTHGATE_REDIS_URL", &url)
                .set("OAUTHGATE_STATE_SECRET", "of these tests: thirty-two bytes");
            Life {
                name: self.name(),
                gate: gate.start_unready().await,
                issuer,
                upstream,
            }
        };
        let alone = start(Issuer::with(signer.clone()).await).await;
        alone.healed().await;
        let issuer = Issuer::with(signer.clone()).await;
        issuer.metadata.behave(Behaviour::Refused).await;
        let lost = start(issuer).await;
        lost.assert_closed().await;
        assert!(
            fault == Fault::Refused || store.requests() > 0,
            "{}",
            self.name()
        );
        What::Lived("alone 200 and 401; without the issuer as well 503".to_owned())
    }
}

impl Trouble {
    async fn begin(&self, issuer: &Issuer) {
        match self {
            Self::Metadata(behaviour) => {
                issuer.metadata.behave(behaviour.clone()).await;
                // Metadata is asked when keys are not where they were.
                issuer.keys.behave(Behaviour::Status(404)).await;
            }
            Self::Keys(behaviour) => issuer.keys.behave(behaviour.clone()).await,
            Self::Place(url) => {
                issuer.moves_keys_to(url);
                issuer.keys.behave(Behaviour::Status(404)).await;
            }
            Self::Tls(server) => {
                issuer.moves_keys_to(&server.url());
                issuer.keys.behave(Behaviour::Status(404)).await;
            }
        }
    }

    /// What the report of the failure names, if only one place can have failed so.
    fn place(&self) -> String {
        match self {
            Self::Metadata(_) | Self::Keys(_) => String::new(),
            Self::Place(url) => url.clone(),
            Self::Tls(server) => server.url(),
        }
    }

    async fn end(&self, issuer: &Issuer) {
        issuer.moves_keys_to(&issuer.keys.url());
        issuer.metadata.behave(Behaviour::Well).await;
        issuer.keys.behave(Behaviour::Well).await;
    }
}

struct Life {
    name: String,
    gate: Gate,
    issuer: Issuer,
    upstream: Recorder,
}

impl Life {
    /// Keys were never seen: 503, before the failure is known and after.
    async fn cold(&self, place: &str) -> String {
        self.assert_closed().await;
        let failure = self.failure(place).await;
        self.assert_closed().await;
        assert_eq!(self.gate.readiness().await.0, 503, "{}", self.name);
        failure
    }

    async fn assert_closed(&self) {
        let answer = self.gate.call(&self.token()).await;
        assert_unavailable(&answer, &self.name);
        self.assert_refuses_forged(503).await;
        assert!(self.upstream.take().is_empty(), "{}", self.name);
    }

    /// Nobody does anything to the gate, and it serves.
    async fn healed(&self) {
        eventually(&format!("{}: healed", self.name), async || {
            let status = self.gate.status(&self.token()).await;
            assert!(matches!(status, 200 | 503), "{}: {status}", self.name);
            status == 200
        })
        .await;
        self.assert_refuses_forged(401).await;
    }

    /// Keys are held: they go on.
    async fn warm(&self, place: &str) -> String {
        let failure = self.failure(place).await;
        assert_eq!(self.gate.status(&self.token()).await, 200, "{}", self.name);
        self.assert_refuses_forged(401).await;
        assert_eq!(self.gate.status(&self.token()).await, 200, "{}", self.name);
        assert_eq!(self.gate.readiness().await.0, 200, "{}", self.name);
        failure
    }

    async fn assert_refuses_forged(&self, status: u16) {
        assert_refuses_forged(&self.gate, &self.issuer, &self.upstream, status, &self.name).await;
    }

    fn token(&self) -> String {
        self.issuer.token(&self.gate.resource)
    }

    /// The code of the fault, once it was met at this place.
    async fn failure(&self, place: &str) -> String {
        let mut code = String::new();
        eventually(&format!("{}: the fault is met", self.name), async || {
            let (_, report) = self.gate.readiness().await;
            let issuer = &report["issuers"][0];
            let [failure, detail] = ["last_failure", "failure_detail"]
                .map(|member| issuer[member].as_str().unwrap_or_default().to_owned());
            code = failure;
            !code.is_empty() && detail.contains(place)
        })
        .await;
        code
    }
}
