//! What a request holds, for those who outlive its response.

use std::{any::Any, fmt, sync::Arc};

use http::Extensions;

/// In the extensions of a request: the places it holds. They are given back when its answer has ended and
/// no clone of this is left, so a tunnel that goes on after the response keeps one.
#[derive(Clone, Default)]
pub struct HeldPlaces {
    // Most requests hold one or two: a list takes memory from the third on.
    few: [Option<Held>; 2],
    more: Vec<Held>,
}

type Held = Arc<dyn Any + Send + Sync>;

impl HeldPlaces {
    /// Adds something that is to be held as long as the others.
    pub fn hold<T: Send + Sync + 'static>(extensions: &mut Extensions, held: Arc<T>) {
        let all = extensions.get_or_insert_default::<Self>();
        match all.few.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(held),
            None => all.more.push(held),
        }
    }

    fn count(&self) -> usize {
        self.few.iter().flatten().count() + self.more.len()
    }
}

impl fmt::Debug for HeldPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeldPlaces").field(&self.count()).finish()
    }
}
