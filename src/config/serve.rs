//! `[serve]`: the readers' side.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::delivery::Rate;
use crate::document::{Table, Value};
use crate::id::ListName;

/// How `pressroom serve` runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whose word on a client's address is believed.
    pub trusted_proxies: Vec<Network>,
    /// Connections at once; more wait.
    pub connections: u32,
    /// How many confirmations are mailed in how much time, whoever asks.
    pub confirmations: Rate,
    /// The lists that anybody may join, and what readers call them; the newsletter's own is always among them.
    pub lists: BTreeMap<ListName, String>,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            trusted_proxies: Vec::new(),
            connections: 16_384,
            confirmations: Rate {
                messages: const { NonZeroU32::new(100).unwrap() },
                per: Duration::from_hours(1),
            },
            lists: BTreeMap::new(),
        }
    }
}

/// Addresses that begin alike, as in `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether an address is one of them; one of IPv4 within IPv6 counts as IPv4.
    pub fn holds(self, address: IpAddr) -> bool {
        self.bits_of(address.to_canonical()) == self.bits_of(self.first)
    }

    /// The first bits of an address; `None` where it is of another kind.
    fn bits_of(self, address: IpAddr) -> Option<u128> {
        match (self.first, address) {
            (IpAddr::V4(_), IpAddr::V4(address)) => {
                Some(u128::from(address.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0))
            }
            (IpAddr::V6(_), IpAddr::V6(address)) => {
                Some(address.to_bits().checked_shr(128 - u32::from(self.bits)).unwrap_or(0))
            }
            _ => None,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither an IP address nor a network");
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().map_err(|_| wrong())?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| wrong())?;
        if bits <= all { Ok(Self { first, bits }) } else { Err(wrong()) }
    }
}

pub(super) fn serve(table: &Table<'_>) -> Serve {
    let usual = Serve::default();
    let lists = |value: &Value<'_>| value.table(|table| Some(table.entries(list)));
    Serve {
        listen: table.optional("listen", listen).unwrap_or(usual.listen),
        trusted_proxies: table.optional("trusted_proxies", |value| value.array(network)).unwrap_or_default(),
        connections: table
            .optional("connections", |value| value.integer(1..=1_000_000))
            .unwrap_or(usual.connections),
        confirmations: table.optional("confirmations", Value::quota).unwrap_or(usual.confirmations),
        lists: table.optional("lists", lists).map(BTreeMap::from_iter).unwrap_or_default(),
    }
}

fn listen(value: &Value<'_>) -> Option<SocketAddr> {
    let help = "write an address of this machine and a port, as in `127.0.0.1:8080` or `[::]:8080`";
    value.parsed("bad-address", help, |text| {
        text.parse().map_err(|_| format!("`{text}` is nothing to listen on"))
    })
}

fn network(value: &Value<'_>) -> Option<Network> {
    value.parsed("bad-network", "write it as `127.0.0.1` or `10.0.0.0/8`", Network::from_str)
}

fn list(value: &Value<'_>) -> Option<(ListName, String)> {
    let Ok(name) = value.name().parse() else {
        let message = format!("`{}` is no list's name", value.said_name());
        return value.refuse(
            "bad-list",
            message,
            "write it as the file in subscribers/ is called, without `.csv`",
        );
    };
    Some((name, value.line()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_begin_as_it_does() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().holds(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.200.1.2") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("127.0.0.1", "::ffff:127.0.0.1"), "as a socket for both kinds says it");
        assert!(holds("fd00::/8", "fd12::1") && !holds("fd00::/8", "fe80::1"));
        assert!(holds("0.0.0.0/0", "192.0.2.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        for wrong in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "example.com"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
