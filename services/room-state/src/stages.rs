//! Where the time of a batch goes, as a metric.

use std::time::Instant;

/// A stopwatch over the stages of one batch.
#[derive(Debug)]
pub struct Stages(Instant);

impl Stages {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// This stage is over, the next begins.
    pub fn done(&mut self, stage: &'static str) {
        let now = Instant::now();
        metrics::histogram!("fold_stage_seconds", "stage" => stage).record((now - self.0).as_secs_f64());
        self.0 = now;
    }
}
