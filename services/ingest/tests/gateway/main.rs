//! The gateway client against gateways: a fake that can misbehave in every known way, and the real Node gateway.

#[cfg(test)]
mod fake;
#[cfg(test)]
mod node;
#[cfg(test)]
mod support;

#[test]
fn no_call_can_log_the_account_out() {
    let proto = include_str!("../../proto/puppet.proto");
    for forbidden in ["rpc Stop", "rpc Logout"] {
        assert!(!proto.contains(forbidden), "{forbidden}");
    }
    assert!(proto.contains("rpc Event"));
}
