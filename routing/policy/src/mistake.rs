//! Why an object, or a set of them, is not taken.

use veilgate_names::ObjectId;

use crate::objects::Kind;

/// What is wrong with an object, for whoever sent it. The running policy stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{field}: {problem}", .kind.name(), .id.as_ref().map_or_else(|| "/".to_owned(), |id| format!("/{id}/")))]
pub struct Mistake {
    /// The kind of the object.
    pub kind: Kind,
    /// Which one; `None` if it is about the kind as a whole.
    pub id: Option<ObjectId>,
    /// The field, as a path of keys and indices such as `limits[2].within`; empty if it is about the object as a whole.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Mistake {
    /// A mistake in one object.
    #[must_use]
    pub fn of(kind: Kind, id: &ObjectId, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { kind, id: Some(id.clone()), field: field.into(), problem: problem.into() }
    }
}
