//! Against the real thing, where this machine has Node.

use super::*;

fn work_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node-gateway")
}

fn settings() -> Settings {
    Settings { work_dir: work_dir(), token: "sample_0123456789".into(), world: None, port: 0, control_port: 0 }
}

#[tokio::test]
async fn starts_and_ends_by_itself() {
    let gateway = match NodeGateway::start(&settings(), |line| println!("{line}")).await {
        Ok(gateway) => gateway,
        Err(GatewayError::NotInstalled { program }) => {
            println!("SKIPPED: {program} is not installed");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert!(gateway.endpoint().starts_with("127.0.0.1:") && !gateway.endpoint().ends_with(":0"));
    assert!(gateway.control_url().starts_with("http://127.0.0.1:"));
    let status = gateway.stop().await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn says_what_is_wrong() {
    let wrong = Settings { token: "short".into(), ..settings() };
    match NodeGateway::start(&wrong, |_| {}).await {
        Err(GatewayError::Start { last_words }) => {
            assert!(last_words.contains("token:"), "{last_words}");
            assert!(!last_words.contains("short"), "{last_words}");
        }
        Err(GatewayError::NotInstalled { program }) => println!("SKIPPED: {program} is not installed"),
        other => panic!("{other:?}"),
    }
}
