//! Points at which a test can end a service as a crash would: work stops there for ever, and dropping the service's
//! tasks then loses exactly what a killed process loses. In production nothing is ever armed.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The points of one service. Clones share what is armed.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    armed: Arc<Mutex<BTreeMap<&'static str, oneshot::Sender<()>>>>,
}

impl Faults {
    /// The next task to reach `point` stops there. The returned future resolves when it has.
    pub fn arm(&self, point: &'static str) -> impl Future<Output = ()> + use<> {
        let (reached, wait) = oneshot::channel();
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).insert(point, reached);
        async move { drop(wait.await) }
    }

    /// A point in the code. Returns at once unless a test armed it; then never.
    pub async fn reach(&self, point: &'static str) {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner).remove(point);
        if let Some(reached) = armed {
            reached.send(()).ok();
            std::future::pending::<()>().await;
        }
    }
}
