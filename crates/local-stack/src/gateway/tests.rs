//! Against the real thing, where this machine has Node.

use super::*;

/// Shared with other crates' tests and over worktrees, since the packages are many.
fn work_dir() -> PathBuf {
    crate::testing::settings("unused").unwrap().tools.unwrap()
}

fn settings() -> Settings {
    Settings {
        work_dir: work_dir(),
        token: "sample_0123456789".into(),
        world: None,
        port: 0,
        control_port: 0,
    }
}

/// `None`, with a line that says so, where there is no Node.
async fn start() -> Option<NodeGateway> {
    match NodeGateway::start(&settings(), |line| println!("{line}")).await {
        Ok(gateway) => Some(gateway),
        Err(GatewayError::NotInstalled { program }) => {
            println!("SKIPPED: {program} is not installed");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn ends_in_good_order_when_asked() {
    let Some(gateway) = start().await else { return };
    assert!(gateway.endpoint().starts_with("127.0.0.1:") && !gateway.endpoint().ends_with(":0"));
    assert!(gateway.control_url().starts_with("http://127.0.0.1:"));
    let status = gateway.stop().await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn ends_when_its_parent_is_gone() {
    let Some(mut gateway) = start().await else { return };
    // What the system does to the pipe when we die.
    gateway.stdin = None;
    let status = tokio::time::timeout(STOP_DEADLINE, gateway.child.wait()).await.unwrap().unwrap();
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

#[tokio::test]
async fn a_killed_one_is_started_again_on_its_ports() {
    use crate::supervise::{Pace, keep};
    if start().await.is_none() {
        return;
    }
    let gateway = KeptGateway::start(&settings(), |_| {}).await.unwrap();
    let (endpoint, control) = (gateway.endpoint().to_owned(), gateway.control_url().to_owned());
    let first = gateway.pid().await.unwrap();
    kill_process(Pid::from_raw(first.cast_signed()).unwrap(), Signal::KILL).unwrap();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel::<String>();
    let pace = Pace { first: Duration::from_millis(50), ..Pace::USUAL };
    let back = async {
        while let Some(line) = heard.recv().await {
            if line.contains("runs again") {
                return;
            }
        }
    };
    tokio::select! {
        gave_up = keep(&gateway, pace, |event| told.send(event.to_string()).unwrap()) => panic!("{gave_up}"),
        back = tokio::time::timeout(READY_DEADLINE, back) => back.unwrap(),
    }
    let running = gateway.process.lock().await;
    let running = running.as_ref().unwrap();
    assert_ne!(running.pid(), first);
    assert_eq!((running.endpoint(), running.control_url()), (endpoint.as_str(), control.as_str()));
}
