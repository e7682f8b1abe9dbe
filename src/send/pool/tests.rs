use std::num::NonZeroU32;

use super::*;
use crate::smtp::{Timeouts, Tls};

fn two_an_hour(store: &Arc<Store>) -> Pool {
    let (host, timeouts) = ("relay.example".to_owned(), Timeouts::default());
    let (tls, credentials) = (Tls::None, None);
    let relay = Relay { host, port: 25, tls, credentials, client_name: None, chunking: false, timeouts };
    let allowed = Rate { messages: NonZeroU32::new(2).unwrap(), per: Duration::from_hours(1) };
    let (weight, name) = (NonZeroU32::MIN, "relay.example:25".to_owned());
    let route = Route { relay, weight, rate: None, window: Some(allowed), name };
    Pool::new(vec![route], store, None)
}

#[tokio::test]
async fn a_message_counts_from_when_it_is_handed_over_however_long_before_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&folder.path().join("pressroom.db")).await.unwrap());
    let pool = two_an_hour(&store);
    let at = |second| Timestamp::from_second(second).unwrap();
    let (mut one, mut other) = (pool.seat(at(59)).unwrap(), pool.seat(at(59)).unwrap());
    assert!(one.take(at(59)).await.unwrap());
    assert!(other.take(at(90)).await.unwrap() && other.spend(at(90)).await.unwrap());
    assert!(one.spend(at(91)).await.unwrap(), "none of the first share is lost");
    assert!(!one.take(at(3660)).await.unwrap(), "two in the hour before");
    assert!(one.take(at(3720)).await.unwrap());
}
