//! How objects and changes are told, over HTTP and over the ops socket.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use veilgate_names::ObjectId;
use veilgate_policy::{Catalogue, Difference, Effect, Entry, Kind, LineMistake, Object};

use super::change::{Changed, counts};

/// A kind and how many objects of it there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownKind {
    /// Its name.
    pub kind: String,
    /// How many.
    pub objects: u64,
}

/// An object with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownObject {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub id: String,
    /// Its version, 1, 2, ...
    pub version: u64,
    /// When it became so.
    pub changed_at: String,
    /// By whom.
    pub by: String,
    /// The SM3 of its JSON.
    pub digest: String,
    /// Itself.
    pub object: Value,
}

/// One change of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownRevision {
    /// The version that it made.
    pub version: u64,
    /// When.
    pub at: String,
    /// By whom.
    pub by: String,
    /// The SM3 of the JSON; without, the object was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// An object that a change makes another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownDifference {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub id: String,
    /// `added`, `changed` or `removed`.
    pub effect: String,
    /// Which of its fields changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Its version afterwards.
    pub version: u64,
    /// The SM3 of its JSON before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// And afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A change, made or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownChange {
    /// The policy in force now.
    pub policy: u64,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// Objects that are new.
    pub added: u64,
    /// Objects that are others.
    pub changed: u64,
    /// Objects that are gone.
    pub removed: u64,
    /// Objects of the change that were so already.
    pub unchanged: u64,
    /// What is different, object by object.
    pub differences: Vec<ShownDifference>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownMistake {
    /// In words.
    pub error: String,
    /// With which kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// With which object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// With which of its fields.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// On which line of the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

impl ShownKind {
    pub(super) fn all(catalogue: &Catalogue) -> Vec<Self> {
        let one = |kind: &Kind| Self { kind: kind.name().to_owned(), objects: wide(catalogue.count(*kind)) };
        Kind::ALL.iter().map(one).collect()
    }
}

impl ShownObject {
    pub(super) fn new(id: &ObjectId, object: &Object, entry: &Entry) -> Self {
        Self::of_json(object.kind(), id, &object.to_json(), entry)
    }

    pub(super) fn of_json(kind: Kind, id: &ObjectId, json: &[u8], entry: &Entry) -> Self {
        let last = entry.last();
        Self {
            kind: kind.name().to_owned(),
            id: id.to_string(),
            version: entry.version(),
            changed_at: last.map_or_else(String::new, |revision| revision.at.to_string()),
            by: last.map_or_else(String::new, |revision| revision.by.clone()),
            digest: entry.digest().map_or_else(String::new, |digest| digest.to_string()),
            object: serde_json::from_slice(json).unwrap_or_default(),
        }
    }
}

impl ShownRevision {
    /// Those of an object, the last first.
    pub(super) fn all(entry: &Entry) -> Vec<Self> {
        let revisions = entry.history().iter().rev();
        let one = |revision: &veilgate_policy::Revision| Self {
            version: revision.version,
            at: revision.at.to_string(),
            by: revision.by.clone(),
            digest: revision.digest.map(|digest| digest.to_string()),
        };
        revisions.map(one).collect()
    }
}

impl ShownChange {
    /// A change with its first differences, so many at most.
    pub(super) fn new(changed: &Changed, most: usize) -> Self {
        let [added, altered, removed] = counts(&changed.differences);
        Self {
            policy: changed.policy,
            dry_run: changed.dry_run,
            added,
            changed: altered,
            removed,
            unchanged: wide(changed.unchanged),
            differences: changed.differences.iter().take(most).map(ShownDifference::from).collect(),
        }
    }
}

impl From<&Difference> for ShownDifference {
    fn from(difference: &Difference) -> Self {
        let (effect, fields) = match &difference.effect {
            Effect::Added => ("added", Vec::new()),
            Effect::Changed(fields) => ("changed", fields.clone()),
            Effect::Removed => ("removed", Vec::new()),
        };
        Self {
            kind: difference.kind.name().to_owned(),
            id: difference.id.to_string(),
            effect: effect.to_owned(),
            fields,
            version: difference.version,
            before: difference.before.map(|digest| digest.to_string()),
            after: difference.after.map(|digest| digest.to_string()),
        }
    }
}

impl From<&LineMistake> for ShownMistake {
    fn from(mistake: &LineMistake) -> Self {
        Self {
            error: mistake.problem.clone(),
            kind: mistake.kind.map(|kind| kind.name().to_owned()),
            id: mistake.id.as_ref().map(ToString::to_string),
            field: mistake.field.clone(),
            line: (mistake.line > 0).then_some(mistake.line),
        }
    }
}

impl std::fmt::Display for ShownMistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        let place = [self.kind.as_deref(), self.id.as_deref(), Some(self.field.as_str())];
        let place: Vec<&str> = place.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join("/"))?;
        }
        f.write_str(&self.error)
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
