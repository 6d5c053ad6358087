//! Options of tools whose calls may become tasks. Specification: extension io.modelcontextprotocol/tasks (SEP-2663).

use crate::protocol::{TASK_LIMIT_MS, TASK_POLL_INTERVAL_MS, TASK_TTL_MS};
use serde_json::{json, Value};
use std::time::Duration;

const LONGEST: Duration = Duration::from_millis(TASK_LIMIT_MS);

/// Options of the tasks of a tool. A client that supports the extension gets the id of a task instead of a result, and
/// polls for the result; a call of another client gets the result in its response.
///
/// ```
/// use std::time::Duration;
/// use wasmcp_guest::{tool, Task};
///
/// let tool = tool("index", "Index all pages.", || "done").task(Task::run().ttl(Duration::from_secs(600)).required());
/// ```
#[derive(Clone, Debug)]
pub struct Task {
    steps: bool,
    ttl: Duration,
    poll_interval: Duration,
    required: bool,
}

impl Task {
    /// Create the options of a tool whose calls become tasks at once, under wasmcp's own host only.
    pub fn run() -> Self {
        Self {
            steps: false,
            ttl: Duration::from_millis(TASK_TTL_MS),
            poll_interval: Duration::from_millis(TASK_POLL_INTERVAL_MS),
            required: false,
        }
    }

    /// Create the options of a tool whose calls become tasks at their first
    /// [`Context::checkpoint`](crate::Context::checkpoint), under any runtime.
    pub fn steps() -> Self {
        Self {
            steps: true,
            ..Self::run()
        }
    }

    /// Set the lifetime of a task from its creation; an hour by default. Panics if it is not from a millisecond to a
    /// year (365 days).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = checked("lifetime", ttl);
        self
    }

    /// Set the suggested time between two polls of a client; a second by default. Panics if it is not from a
    /// millisecond to a year (365 days).
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = checked("poll interval", interval);
        self
    }

    /// Refuse the calls of clients that do not support the extension.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) fn meta(&self) -> Value {
        json!({
            "mode": if self.steps { "steps" } else { "run" },
            "ttlMs": self.ttl.as_millis() as u64,
            "pollIntervalMs": self.poll_interval.as_millis() as u64,
            "required": self.required,
        })
    }
}

fn checked(name: &str, time: Duration) -> Duration {
    assert!(
        time >= Duration::from_millis(1) && time <= LONGEST,
        "the {name} of a task must be from a millisecond to a year, not {time:?}"
    );
    time
}
