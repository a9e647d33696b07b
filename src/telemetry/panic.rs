//! A panic becomes one event with its place. Its payload may hold anything and is never written.

use std::sync::Arc;

use super::Telemetry;
use super::events::Panicked;
use super::loggable::KeyName;

/// Replaces the process's panic hook.
pub fn hook(telemetry: Arc<Telemetry>) {
    std::panic::set_hook(Box::new(move |about| {
        let (file, line) = about.location().map_or(("?", 0), |at| (source_file(at.file()), at.line()));
        Panicked { source: KeyName::new(file), source_line: line }.emit(&telemetry);
    }));
}

/// The last part of a path; what precedes it names the machine it was built on.
fn source_file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or("?")
}
