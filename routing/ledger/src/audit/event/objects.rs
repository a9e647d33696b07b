//! What is written down when staff change the objects that rules are made of, the configuration or the subscriber feed:
//! names, counts, versions and digests, no content.

use super::{AuditEvent, JsonLine};
use crate::hash::Sm3Hash;

impl AuditEvent {
    /// Those of events about objects; other events have none here.
    pub(super) fn write_object_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::ObjectPut { kind, object, version, policy, before, after } => {
                line.text("kind", kind);
                line.text("object", object.as_str());
                line.number("version", *version);
                line.number("policy", *policy);
                digest(line, "before", before.as_ref());
                digest(line, "after", after.as_ref());
            }
            Self::ObjectRemoved { kind, object, version, policy, before } => {
                line.text("kind", kind);
                line.text("object", object.as_str());
                line.number("version", *version);
                line.number("policy", *policy);
                digest(line, "before", before.as_ref());
            }
            Self::ObjectsImported { policy, added, changed, removed } => {
                line.number("policy", *policy);
                line.number("added", *added);
                line.number("changed", *changed);
                line.number("removed", *removed);
            }
            Self::ObjectsRefused { kind, object, mistakes } => {
                if let Some(kind) = kind {
                    line.text("kind", kind);
                }
                if let Some(object) = object {
                    line.text("object", object.as_str());
                }
                line.number("mistakes", *mistakes);
            }
            _ => {}
        }
    }
}

impl AuditEvent {
    /// Those of events about configuration and feed; other events have none here.
    pub(super) fn write_configuration_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::Reloaded { part, added, changed, removed } => {
                line.text("part", part.name());
                line.number("added", *added);
                line.number("changed", *changed);
                line.number("removed", *removed);
            }
            Self::ReloadRefused { part } => line.text("part", part.name()),
            Self::FeedImported { bindings, tenures } => {
                line.number("bindings", *bindings);
                line.number("tenures", *tenures);
            }
            _ => {}
        }
    }
}

fn digest(line: &mut JsonLine<'_>, name: &str, value: Option<&Sm3Hash>) {
    if let Some(value) = value {
        line.quoted(name, |out| value.write_hex(out));
    }
}
