//! Encoding and decoding of payloads: JSON with a version in `v`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Why a payload cannot be read. Never contains the payload, which may be a customer's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not this type's shape.
    #[error("not a {what}: {reason}")]
    Shape {
        /// The type that was expected.
        what: &'static str,
        /// Where and how it differs.
        reason: String,
    },
    /// Written by a newer release.
    #[error("a {what} of version {found}, but this release reads version {known}")]
    Version {
        /// The type that was expected.
        what: &'static str,
        /// The version found.
        found: u64,
        /// The version that this release reads.
        known: u8,
    },
}

/// A payload type of the bus.
pub trait Payload: Serialize + DeserializeOwned {
    /// Its name in errors and logs.
    const NAME: &'static str;
    /// The version that this release writes and reads.
    const VERSION: u8;
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    v: u8,
    #[serde(flatten)]
    payload: &'a T,
}

#[derive(Deserialize)]
struct Versioned<T> {
    v: u64,
    #[serde(flatten)]
    payload: T,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u64,
}

/// The bytes of a payload.
///
/// # Errors
/// Only if a value cannot be JSON, which none of our types' can.
pub fn encode<T: Payload>(payload: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Envelope { v: T::VERSION, payload })
}

/// Reads a payload.
pub fn decode<T: Payload>(bytes: &[u8]) -> Result<T, DecodeError> {
    let shape = |error: &serde_json::Error| DecodeError::Shape {
        what: T::NAME,
        reason: format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column()),
    };
    match serde_json::from_slice::<Versioned<T>>(bytes) {
        Ok(read) if read.v == u64::from(T::VERSION) => Ok(read.payload),
        Ok(read) => Err(version::<T>(read.v)),
        Err(error) => match serde_json::from_slice::<VersionOnly>(bytes) {
            Ok(only) if only.v != u64::from(T::VERSION) => Err(version::<T>(only.v)),
            _ => Err(shape(&error)),
        },
    }
}

fn version<T: Payload>(found: u64) -> DecodeError {
    DecodeError::Version { what: T::NAME, found, known: T::VERSION }
}
