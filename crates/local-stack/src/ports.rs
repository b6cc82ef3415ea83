//! Ports of loopback for servers that start later, or start again.
//!
//! A port that the kernel chose and that was let go may be taken before its server listens, by a connection that goes
//! out: the kernel takes those from the same range. Ports from here lie below it.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// Where the kernel's own choice begins if it does not say.
const USUAL_EPHEMERAL_START: u16 = 32768;
/// Below are well-known services, above those that people gave a port of their own.
const FIRST: u16 = 15000;
/// Fewer than these are no choice.
const FEWEST: u16 = 1000;
const ATTEMPTS: u32 = 1000;
const KERNEL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// An address of loopback on which nobody listens, which the kernel gives to no connection by itself, and which this
/// process is told once.
///
/// # Errors
/// If there is none.
pub fn free_address() -> io::Result<SocketAddr> {
    static TOLD: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let range = range(&std::fs::read_to_string(KERNEL_RANGE).unwrap_or_default());
    for _ in 0..ATTEMPTS {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::random_range(range.clone())));
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&address.port()) && TcpListener::bind(address).is_ok() {
            told.insert(address.port());
            return Ok(address);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no port of {range:?} is free on 127.0.0.1")))
}

/// Ports outside the kernel's range, which is given as the kernel shows it; any if it leaves too few.
fn range(kernel: &str) -> RangeInclusive<u16> {
    let ephemeral =
        kernel.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(USUAL_EPHEMERAL_START);
    if ephemeral < FIRST + FEWEST { FIRST..=u16::MAX } else { FIRST..=ephemeral - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_once_and_not_from_the_range_of_the_kernel() {
        let kernel = std::fs::read_to_string(KERNEL_RANGE).unwrap();
        let own = range(&kernel);
        let ports: BTreeSet<u16> = (0..200).map(|_| free_address().unwrap().port()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| own.contains(port)));
        assert_eq!(range("32768\t60999\n"), FIRST..=32767);
        assert_eq!(range(""), FIRST..=32767);
        assert_eq!(range("1024 65535"), FIRST..=u16::MAX);
    }
}
