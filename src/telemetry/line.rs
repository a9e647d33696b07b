//! How one log line is written: time, level, file, line, message (A-7.5-1), then the event's name and fields.

use std::fmt::{self, Debug};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use veilgate_config::LogFormat;
use veilgate_names::Timestamp;

/// The five fields that every line has come from here in this order.
const FIRST: [&str; 4] = ["file", "line", "message", "event"];

pub(super) struct Lines {
    pub(super) format: LogFormat,
    pub(super) now: fn() -> Timestamp,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    //= ASCS A-7.5-1
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (time, level) = ((self.now)(), event.metadata().level());
        match self.format {
            LogFormat::Json => fields.json(&mut out, &time.to_string(), level.as_str()),
            LogFormat::Text => fields.text(&mut out, &time.to_string(), level.as_str()),
        }
    }
}

#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn json(&self, out: &mut Writer<'_>, time: &str, level: &str) -> fmt::Result {
        write!(out, "{{\"time\":\"{time}\",\"level\":\"{level}\"")?;
        for (name, value) in FIRST.iter().filter_map(|name| Some((name, self.find(name)?))) {
            write!(out, ",\"{name}\":{value}")?;
        }
        for (name, value) in self.rest() {
            write!(out, ",\"{name}\":{value}")?;
        }
        out.write_str("}\n")
    }

    fn text(&self, out: &mut Writer<'_>, time: &str, level: &str) -> fmt::Result {
        let plain = |name| self.find(name).map(unquoted).unwrap_or_default();
        write!(out, "{time} {level:5} {}:{} {}", plain("file"), plain("line"), plain("message"))?;
        for (name, value) in self.rest() {
            write!(out, " {name}={}", unquoted(value))?;
        }
        out.write_char('\n')
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn rest(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter().filter(|(name, _)| !FIRST.contains(name))
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
}

fn unquoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
