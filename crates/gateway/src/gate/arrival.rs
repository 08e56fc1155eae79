//! How a request came in, for the rooms behind the layers.

use std::{net::IpAddr, sync::Arc};

use http::{Extensions, Response};
use oauthgate_core::Denial;

use super::{load::Visit, paced::Leisure, place::Place};
use crate::{proxy::admission::RequestTarget, telemetry::access::Passage};

/// In the extensions of a request: all that the gate knows of it, as one value, because each one there costs
/// every request some memory. Clones are of the same request.
///
/// It holds the request's place among all that the gate carries, and its connection's: whoever goes on with
/// either after the answer has ended (a tunnel) keeps it.
#[derive(Clone)]
pub(crate) struct Arrival(Arc<Arrived>);

/// What is known.
pub(super) struct Arrived {
    pub(super) target: RequestTarget,
    pub(super) client: IpAddr,
    pub(super) passage: Passage,
    /// Where there is a body.
    pub(super) leisure: Option<Leisure>,
    pub(super) visit: Visit,
    pub(super) place: Place,
}

impl Arrival {
    pub(super) fn new(arrived: Arrived) -> Self {
        Self(Arc::new(arrived))
    }

    /// That of a request, which has one if it came by the door.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Where it wants to go.
    pub(crate) fn target(&self) -> &RequestTarget {
        &self.0.target
    }

    /// Whose it is, as far as the address tells.
    pub(crate) fn client(&self) -> IpAddr {
        self.0.client
    }

    /// Its access line.
    pub(crate) fn passage(&self) -> &Passage {
        &self.0.passage
    }

    /// From now on the client may take as long as it likes to send the body.
    pub(crate) fn grant_leisure(&self) {
        if let Some(leisure) = &self.0.leisure {
            leisure.grant();
        }
    }

    /// Waits until everything is to end at once.
    pub(crate) async fn cut(&self) {
        self.0.place.cut().await;
    }

    /// The answer's head is there: a stream exchanges the place of its request. Gives who holds the place until
    /// the answer has ended; a refusal needs none.
    ///
    /// # Errors
    /// When the answer is one stream too many; it is to be dropped.
    pub(super) fn settle<B>(self, response: &Response<B>) -> Result<Option<Self>, Denial> {
        if response.extensions().get::<Denial>().is_some() {
            return Ok(None);
        }
        self.0.visit.settle(response)?;
        Ok(Some(self))
    }
}
