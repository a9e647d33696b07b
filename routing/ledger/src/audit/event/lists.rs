//! Records about the entries of black and white lists: how many changed, and digests of the files.

use super::{AuditEvent, JsonLine};

/// What was done with the entries of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListAct {
    /// Others took their place.
    Replaced,
    /// Some were put there.
    Added,
    /// Some were taken away.
    Removed,
    /// Those that had ended were forgotten.
    Swept,
}

impl AuditEvent {
    pub(super) fn write_list_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::ListChanged { list, act, added, removed, moved, before, after } => {
                line.text("list", list.as_str());
                line.text("act", act.name());
                line.number("added", *added);
                line.number("removed", *removed);
                line.number("moved", *moved);
                for (name, digest) in [("before", before), ("after", after)] {
                    if let Some(digest) = digest {
                        line.quoted(name, |out| digest.write_hex(out));
                    }
                }
            }
            Self::ListRefused { list } => line.text("list", list.as_str()),
            _ => {}
        }
    }
}

impl ListAct {
    fn name(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Swept => "swept",
        }
    }
}
