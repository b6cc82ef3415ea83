//! Who a request comes from, as far as limits are concerned.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::limits::Rate;

/// Bits of an IPv6 address that one customer of a provider is given.
const IPV6_NETWORK: u128 = !0 << 64;
/// Clients remembered at the same time; beyond it the quiet ones are forgotten at once.
const MANY_CLIENTS: usize = 10_000;
/// Where proxies say who called them.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Who limits are counted for: an address, or for IPv6 the network that one customer has. In the extensions of every
/// request that [`super::Server`] serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// Who is behind an address.
    pub fn at(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// Who asks: the peer, or whom a trusted proxy names. The last address that is not a proxy's counts, since what
    /// stands before it was written by the client.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        let trusted = |address: &IpAddr| proxies.contains(&address.to_canonical());
        if !trusted(&peer) {
            return Self::at(peer);
        }
        let named = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let named: Vec<&str> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
        let client = named.iter().rev().map_while(|name| name.parse().ok()).find(|name| !trusted(name));
        Self::at(client.unwrap_or(peer))
    }
}

/// Counts something for each client, and tells when it is too much.
pub struct Limiter {
    buckets: DefaultKeyedRateLimiter<Client>,
    clock: DefaultClock,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("clients", &self.buckets.len()).finish_non_exhaustive()
    }
}

impl Limiter {
    pub fn new(rate: Rate) -> Self {
        // No rate is of no time.
        let quota = Quota::with_period(rate.every).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        Self { buckets: RateLimiter::keyed(quota.allow_burst(rate.burst)), clock: DefaultClock::default() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// How long to wait, if it is one too many.
    pub fn count(&self, client: Client) -> Result<(), Duration> {
        if self.buckets.len() > MANY_CLIENTS {
            self.tidy();
        }
        self.buckets.check_key(&client).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets those who have not been heard of for long.
    pub fn tidy(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

/// Shuts clients out for a while that did something too often, a wrong guess for example.
#[derive(Debug)]
pub struct Lockout {
    offences: Limiter,
    locked_for: Duration,
    locked: Mutex<HashMap<Client, Instant>>,
}

impl Lockout {
    /// Nobody is shut out yet; who offends more often than this will be, for so long.
    pub fn new(tolerated: Rate, locked_for: Duration) -> Self {
        Self { offences: Limiter::new(tolerated), locked_for, locked: Mutex::default() }
    }

    /// Whether a client may try.
    ///
    /// # Errors
    /// How long it is still shut out.
    pub fn check(&self, client: Client) -> Result<(), Duration> {
        let locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        let left = locked.get(&client).map(|until| until.saturating_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero()).map_or(Ok(()), Err)
    }

    /// It did it again.
    pub fn offended(&self, client: Client) {
        if self.offences.count(client).is_err() {
            let (mut locked, now) =
                (self.locked.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
            locked.retain(|_, until| *until > now);
            locked.insert(client, now + self.locked_for);
        }
    }
}

/// How many connections each client has.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<HashMap<Client, usize>>>);

/// A connection that is counted until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    connections: Connections,
    client: Client,
}

impl Connections {
    /// One more of this client; `None`: it has `most` already.
    pub fn enter(&self, client: Client, most: usize) -> Option<Counted> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        (*count < most).then(|| {
            *count += 1;
            Counted { connections: self.clone(), client }
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.connections.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(peer: &str, forwarded: &[&str]) -> Client {
        let proxies = [address("10.0.0.1"), address("10.0.0.2")];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        Client::of(address(peer), &headers, &proxies)
    }

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let at = |text| Client::at(address(text));
        assert_eq!(client("192.0.2.7", &["198.51.100.1"]), at("192.0.2.7"), "no proxy of ours");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 198.51.100.1"]), at("198.51.100.1"));
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "198.51.100.1, 10.0.0.2"]), at("198.51.100.1"));
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.1"]), at("198.51.100.1"));
        for silent in [&[][..], &["nonsense"], &["198.51.100.1, nonsense"]] {
            assert_eq!(client("10.0.0.1", silent), at("10.0.0.1"));
        }
    }

    #[test]
    fn one_customers_network_is_one_client() {
        assert_eq!(Client::at(address("2001:db8:1:2::3")), Client::at(address("2001:db8:1:2:ffff::")));
        assert_ne!(Client::at(address("2001:db8:1:2::3")), Client::at(address("2001:db8:1:3::3")));
        assert_eq!(Client::at(address("::ffff:192.0.2.1")), Client::at(address("192.0.2.1")));
    }

    #[test]
    fn who_leaves_makes_room() {
        let connections = Connections::default();
        let (one, other) = (Client::at(address("192.0.2.1")), Client::at(address("192.0.2.2")));
        let held = [connections.enter(one, 2), connections.enter(one, 2)];
        assert!(held.iter().all(Option::is_some) && connections.enter(one, 2).is_none());
        assert!(connections.enter(other, 2).is_some(), "others are not concerned");
        drop(held);
        assert!(connections.enter(one, 2).is_some());
    }
}
