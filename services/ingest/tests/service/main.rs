//! `ingest` as a whole, against a real Postgres, a real `nats-server` and the real Node gateway.

#[cfg(test)]
mod alerter_monitor;
mod capture;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod gaps;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod login;
#[cfg(test)]
mod order;
#[cfg(test)]
mod rooms;
#[cfg(test)]
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhook;
