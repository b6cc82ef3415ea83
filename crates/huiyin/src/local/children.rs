//! Supervision of the private servers, as people see it: a line on the terminal for every death and restart, and the same
//! in the health.

use std::io::Write as _;

use local_stack::supervise::{self, Child, Event, GaveUp, Pace};

use super::{Health, Local};

impl Local {
    /// Keeps Postgres and `nats-server` running until one of them cannot be.
    pub async fn keep(&self, health: &Health) -> GaveUp {
        Health::expect_child(self.stack.postgres.name());
        Health::expect_child(self.stack.nats.name());
        self.stack.keep(Pace::USUAL, |event| report(health, event)).await
    }
}

/// Keeps a further child running until it cannot be.
pub async fn keep(child: &impl Child, health: &Health) -> GaveUp {
    Health::expect_child(child.name());
    supervise::keep(child, Pace::USUAL, |event| report(health, event)).await
}

fn report(health: &Health, event: &Event) {
    health.on_event(event);
    tracing::info!(child = event.child, "{event}");
    print_line(&event.to_string());
}

/// A line on the terminal. Whether anybody reads there must not matter to what runs.
pub(crate) fn print_line(line: &str) {
    writeln!(std::io::stdout(), "· {line}").ok();
}
