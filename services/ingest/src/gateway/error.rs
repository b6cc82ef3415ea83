//! What can go wrong with a gateway, told apart by what a caller does differently.
//!
//! A gateway's status messages carry its stack traces, and its error trailers echo our `authorization` header, so a
//! [`tonic::Status`] is reduced to its code here and goes no further.

use std::error::Error as _;
use std::io;

use tonic::Code;

/// A failed connection or call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The gateway does not accept the token: retrying helps only after somebody corrected it.
    #[error("the gateway refuses our token")]
    Unauthenticated,
    /// Another client holds the gateway's only event stream, or a half-open connection still does.
    #[error("another client holds the gateway's event stream")]
    Occupied,
    /// Nothing came back in time.
    #[error("the gateway did not answer in time")]
    Deadline,
    /// This kind of gateway does not have the call: retrying is pointless.
    #[error("the gateway does not know this call")]
    Unsupported,
    /// The connection could not be made.
    #[error("the gateway cannot be reached ({kind:?})")]
    Unreachable {
        /// What the system said, where it said something.
        kind: Option<io::ErrorKind>,
    },
    /// Any other refusal. Stock gateways answer `Unknown` for an unknown id, a broken stream and their own faults alike.
    #[error("the gateway answered {code:?}")]
    Refused {
        /// The gRPC status code, the only part of a status that is safe to show.
        code: Code,
    },
    /// The address or the certificate in the settings cannot be used.
    #[error("the gateway's {what} cannot be used")]
    Settings { what: &'static str },
}

impl GatewayError {
    /// Keeps the code and drops the rest.
    pub(super) fn from_status(status: &tonic::Status) -> Self {
        match status.code() {
            Code::Unauthenticated => Self::Unauthenticated,
            Code::AlreadyExists => Self::Occupied,
            Code::DeadlineExceeded => Self::Deadline,
            Code::Unimplemented => Self::Unsupported,
            code => Self::Refused { code },
        }
    }

    /// Keeps the system's error kind and drops the rest.
    pub(super) fn from_transport(error: &tonic::transport::Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                return Self::Unreachable { kind: Some(io.kind()) };
            }
            source = cause.source();
        }
        Self::Unreachable { kind: None }
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Status, metadata::MetadataMap};

    use super::*;

    #[test]
    fn nothing_of_a_status_but_its_code_is_shown() {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", "Wechaty hush".parse().unwrap());
        let status = Status::with_metadata(Code::Unknown, "Error: hush\n at stack", metadata);
        let error = GatewayError::from_status(&status);
        assert_eq!(error, GatewayError::Refused { code: Code::Unknown });
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}
