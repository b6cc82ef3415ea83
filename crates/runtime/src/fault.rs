//! Points at which a test can end a service as a crash would: work stops there for ever, and dropping the service's
//! tasks then loses exactly what a killed process loses. Or only holds it up, as a paused process is. In production
//! nothing is ever armed.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The points of one service. Clones share what is armed.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    armed: Arc<Mutex<BTreeMap<&'static str, Armed>>>,
}

#[derive(Debug)]
struct Armed {
    reached: oneshot::Sender<()>,
    /// Ends without a word if the task is never to go on.
    resume: oneshot::Receiver<()>,
}

impl Faults {
    /// The next task to reach `point` stops there. The returned future resolves when it has.
    pub fn arm(&self, point: &'static str) -> impl Future<Output = ()> + use<> {
        self.hold(point).0
    }

    /// The next task to reach `point` is held up there until the sender says so. The returned future resolves when it
    /// is there.
    pub fn hold(&self, point: &'static str) -> (impl Future<Output = ()> + use<>, oneshot::Sender<()>) {
        let (reached, wait) = oneshot::channel();
        let (go_on, resume) = oneshot::channel();
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).insert(point, Armed { reached, resume });
        (async move { drop(wait.await) }, go_on)
    }

    /// A point in the code. Returns at once unless a test armed it; then never, or when the test lets it.
    pub async fn reach(&self, point: &'static str) {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner).remove(point);
        if let Some(Armed { reached, resume }) = armed {
            reached.send(()).ok();
            if resume.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
