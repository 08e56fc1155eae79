//! What holds for all callers and all ids.

use http::{HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use crate::support::{Caller, ISSUERS, SESSION, World, ada, caller, nobody, world};

fn callers() -> impl Strategy<Value = Caller> {
    let client = prop::option::of("[ab]{1,3}");
    (0..2_usize, "[ab]{1,3}", client)
        .prop_map(|(issuer, subject, client)| caller(ISSUERS[issuer], &subject, client.as_deref()))
}

fn ids() -> impl Strategy<Value = String> {
    "[!-~]{1,40}"
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap().block_on(work)
}

async fn opened(world: &World, id: &str, caller: &Caller) -> String {
    world.give(&[id.as_bytes()]);
    world.open(caller).await
}

proptest! {
    #[test]
    fn two_callers_share_an_id_only_if_they_are_one(one in callers(), other in callers(), id in ids()) {
        run(async {
            let world = world();
            let (mine, theirs) = (opened(&world, &id, &one).await, opened(&world, &id, &other).await);
            let same = one.0 == other.0;
            prop_assert_eq!(mine == theirs, same);
            let answer = world.within(&mine, Method::POST, &other).await;
            let expected = if same { StatusCode::OK } else { StatusCode::NOT_FOUND };
            prop_assert_eq!(answer.status, expected);
            Ok(())
        })?;
    }

    #[test]
    fn whatever_is_changed_in_an_id_makes_it_unknown(
        id in ids(), anonymous: bool, position: prop::sample::Index, byte in b'!'..=b'~',
    ) {
        run(async {
            let world = world();
            let owner = if anonymous { nobody() } else { ada() };
            let session = opened(&world, &id, &owner).await;
            let mut bytes = session.clone().into_bytes();
            let position = position.index(bytes.len());
            prop_assume!(bytes[position] != byte);
            bytes[position] = byte;
            let changed = String::from_utf8(bytes).unwrap();
            for caller in [ada(), nobody()] {
                let answer = world.within(&changed, Method::POST, &caller).await;
                // Without a token, an id in the form of an owner's asks for a login.
                prop_assert!(matches!(answer.status.as_u16(), 401 | 404), "{:?}", answer);
                prop_assert!(world.take().is_empty());
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_server_gets_its_own_id_back(id in ids(), caller in callers()) {
        run(async {
            let world = world();
            let session = opened(&world, &id, &caller).await;
            world.within(&session, Method::DELETE, &caller).await;
            let received = world.one();
            prop_assert_eq!(received.header(SESSION), Some(id.as_str()));
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_of_a_stranger_reach_the_server_as_a_session(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        run(async {
            let world = world();
            let Ok(text) = std::str::from_utf8(value.as_bytes()) else { return Ok(()) };
            let answer = world.within(text, Method::POST, &ada()).await;
            prop_assert_eq!(answer.status, StatusCode::NOT_FOUND);
            prop_assert!(world.take().is_empty());
            Ok(())
        })?;
    }
}
