//! The gRPC code of the Wechaty gateway is generated from `proto/` and stands in `generated/`, so that a build needs neither
//! `protoc` nor the generator with all that it is made of. The server half is generated too: the tests' fake gateway is
//! made of it.

use std::fs;
use std::path::Path;

/// With this variable set, what has drifted is written anew.
const RENEW: &str = "HUIYIN_GENERATE";

#[test]
fn the_code_is_what_the_protocol_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let descriptors = protox::compile(["puppet.proto"], [here.join("proto")]).unwrap();
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .emit_rerun_if_changed(false)
        .out_dir(out.path())
        .compile_fds(descriptors)
        .unwrap();
    let renews = std::env::var_os(RENEW).is_some();
    for file in ["wechaty.rs", "wechaty.puppet.rs"] {
        let written = here.join("generated").join(file);
        let generated = fs::read_to_string(out.path().join(file)).unwrap();
        if renews {
            fs::write(&written, &generated).unwrap();
        }
        assert!(
            fs::read_to_string(&written).unwrap() == generated,
            "generated/{file} is not what proto/ says: {RENEW}=1 cargo test -p ingest --test generated"
        );
    }
}
