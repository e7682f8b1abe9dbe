//! Who asks, as far as limits need it: never kept, never logged (requirement 52).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;

use crate::config::Network;

/// Requests to join that one client may make within [`PERIOD`].
const REQUESTS: u32 = 10;
const PERIOD: Duration = Duration::from_hours(1);
/// Clients that are remembered; beyond, all are forgotten, and the limits over all hold alone.
const CLIENTS: usize = 100_000;

/// Where a request comes from: what the last proxy that is not ours says, else whoever is connected.
pub(super) fn address(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    let mut address = peer.ip().to_canonical();
    let said = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(address) {
            break;
        }
        let Some(hop) = read_hop(hop) else { break };
        address = hop.to_canonical();
    }
    address
}

/// An address as proxies write it: some with the port, an IPv6 one in brackets then, some in quotes.
fn read_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    bare.parse().ok().or_else(with_port)
}

/// Whether it came through a proxy, ours or not: whoever says so is no neighbour that asks directly.
pub(super) fn is_proxied(headers: &HeaderMap) -> bool {
    ["x-forwarded-for", "forwarded"].iter().any(|said| headers.contains_key(*said))
}

/// How often each client asked to join lately.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Limits {
    /// Whether one may ask once more. Those of one household count together.
    pub(super) fn admit(&self, address: IpAddr) -> bool {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS {
            clients.retain(|_, (since, _)| since.elapsed() < PERIOD);
        }
        if clients.len() >= CLIENTS {
            clients.clear();
        }
        let (since, requests) = clients.entry(household(address)).or_insert((Instant::now(), 0));
        if since.elapsed() >= PERIOD {
            (*since, *requests) = (Instant::now(), 0);
        }
        *requests += 1;
        *requests <= REQUESTS
    }
}

/// An address of IPv4; of IPv6 the /64 that one household has to itself.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, said: &[&str]) -> String {
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for said in said {
            headers.append("x-forwarded-for", said.parse().unwrap());
        }
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_our_own_proxies_are_believed() {
        assert_eq!(from("192.0.2.1:1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(from("127.0.0.1:1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(from("127.0.0.1:1", &["203.0.113.9, 198.51.100.1, 10.1.1.1"]), "198.51.100.1");
        assert_eq!(from("127.0.0.1:1", &["203.0.113.9", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(from("127.0.0.1:1", &["nonsense"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1:1", &["198.51.100.1, 203.0.113.7:51234, 10.1.1.1:80"]), "203.0.113.7");
        assert_eq!(from("127.0.0.1:1", &["\"[2001:db8::1]:443\""]), "2001:db8::1");
        assert_eq!(from("127.0.0.1:1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(from("127.0.0.1:1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(from("127.0.0.1:1", &["[203.0.113.7:1"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1:1", &[]), "127.0.0.1");
    }

    #[test]
    fn one_household_asks_so_often_and_no_more_and_others_are_not_harmed() {
        let limits = Limits::default();
        let ask = |address: &str| limits.admit(address.parse().unwrap());
        assert!((0..REQUESTS).all(|_| ask("192.0.2.1")));
        assert!(!ask("192.0.2.1") && ask("192.0.2.2"));
        assert!((0..REQUESTS).all(|n| ask(&format!("2001:db8::{n:x}"))));
        assert!(!ask("2001:db8::ffff") && ask("2001:db8:0:1::1"));
    }
}
