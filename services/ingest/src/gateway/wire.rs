//! The generated gRPC code of `proto/`, as it came from the generator. Nothing outside `gateway` should need it, except
//! the tests' fake gateway.

#[expect(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated; the proto files hold the explanations"
)]
mod generated {
    include!("../../generated/wechaty.rs");

    pub mod puppet {
        include!("../../generated/wechaty.puppet.rs");
    }
}

pub use generated::puppet::*;
pub use generated::{puppet_client, puppet_server};
