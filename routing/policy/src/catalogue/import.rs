//! Reads files of many objects: JSON lines. All that is wrong with a file is told, up to a bound, before anything is
//! changed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use veilgate_names::ObjectId;

use super::change::{Change, Expected, Refused};
use crate::mistake::Mistake;
use crate::objects::{Kind, Object, describe};

/// Mistakes told of one file at most.
pub const MAX_MISTAKES: usize = 100;

/// The objects of a file, and where each stands.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// The objects, in the order of the file.
    pub changes: Vec<Change>,
    lines: BTreeMap<(Kind, ObjectId), u64>,
}

/// What is wrong with a line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineMistake {
    /// Which, from 1; 0 if it is about none.
    pub line: u64,
    /// The object's kind, as far as the line says it.
    pub kind: Option<Kind>,
    /// The object's name.
    pub id: Option<ObjectId>,
    /// The field; empty if it is about the object as a whole.
    pub field: String,
    /// What is wrong.
    pub problem: String,
}

/// One line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    kind: String,
    id: String,
    /// The version that must be there; 0 for none.
    #[serde(default)]
    version: Option<u64>,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Import {
    /// Reads JSON lines, each an object `{"kind":..,"id":..,"object":{..}}`, and if wanted the `version` that must be
    /// there (0: the object must not be there). Empty lines are passed over.
    ///
    /// # Errors
    /// Every [`LineMistake`], the first [`MAX_MISTAKES`] of them.
    pub fn json_lines(octets: &[u8]) -> Result<Self, Vec<LineMistake>> {
        let octets = octets.strip_prefix("\u{feff}".as_bytes()).unwrap_or(octets);
        let (mut import, mut mistakes) = (Self::default(), Vec::new());
        for (number, line) in (1..).zip(octets.split(|octet| *octet == b'\n')) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Err(mistake) = change(line)
                .map_err(|mistake| mistake.at(number))
                .and_then(|change| import.add(number, change))
            {
                mistakes.push(mistake);
                if mistakes.len() == MAX_MISTAKES {
                    break;
                }
            }
        }
        if mistakes.is_empty() { Ok(import) } else { Err(mistakes) }
    }

    /// A single change, which stands in no file.
    #[must_use]
    pub fn of(change: Change) -> Self {
        Self { changes: vec![change], lines: BTreeMap::new() }
    }

    /// Where an object stands; 0 if it does not.
    #[must_use]
    pub fn line(&self, kind: Kind, id: &ObjectId) -> u64 {
        self.lines.get(&(kind, id.clone())).copied().unwrap_or(0)
    }

    /// A mistake of the set, with the line of the object that it is about.
    #[must_use]
    pub fn place(&self, mistake: Mistake) -> LineMistake {
        let line = mistake.id.as_ref().map_or(0, |id| self.line(mistake.kind, id));
        LineMistake::from(mistake).at(line)
    }

    /// A refusal, with the line of the object that it is about.
    #[must_use]
    pub fn place_refusal(&self, refused: &Refused) -> LineMistake {
        let mut mistake = LineMistake::whole(refused.to_string());
        if let Some((kind, id)) = refused.object() {
            mistake =
                LineMistake { kind: Some(kind), id: Some(id.clone()), ..mistake }.at(self.line(kind, id));
        }
        mistake
    }

    pub(super) fn add(&mut self, line: u64, change: Change) -> Result<(), LineMistake> {
        let place = (change.kind, change.id.clone());
        if let Some(first) = self.lines.insert(place, line) {
            let problem = format!("the object stands on line {first} already");
            let (kind, id) = (Some(change.kind), Some(change.id));
            return Err(LineMistake { line, kind, id, field: String::new(), problem });
        }
        self.changes.push(change);
        Ok(())
    }
}

impl LineMistake {
    /// One that is about no object.
    #[must_use]
    pub fn whole(problem: impl Into<String>) -> Self {
        Self { line: 0, kind: None, id: None, field: String::new(), problem: problem.into() }
    }

    /// The same, on a line.
    #[must_use]
    pub fn at(self, line: u64) -> Self {
        Self { line, ..self }
    }
}

impl From<Mistake> for LineMistake {
    fn from(mistake: Mistake) -> Self {
        let Mistake { kind, id, field, problem } = mistake;
        Self { line: 0, kind: Some(kind), id, field, problem }
    }
}

impl Refused {
    /// The object that it is about.
    #[must_use]
    pub fn object(&self) -> Option<(Kind, &ObjectId)> {
        match self {
            Self::Conflict { kind, id, .. }
            | Self::Unknown { kind, id }
            | Self::Twice { kind, id }
            | Self::TooLong { kind, id } => Some((*kind, id)),
            Self::TooMany | Self::TooMuch => None,
        }
    }
}

fn change(line: &[u8]) -> Result<Change, LineMistake> {
    let line: Line<'_> =
        serde_json::from_slice(line).map_err(|error| LineMistake::whole(describe(&error.to_string())))?;
    let of =
        |field: &str, problem: String| LineMistake { field: field.to_owned(), ..LineMistake::whole(problem) };
    let kind = Kind::named(&line.kind).ok_or_else(|| of("kind", "there is no such kind".to_owned()))?;
    let id = ObjectId::parse(&line.id)
        .map_err(|error| LineMistake { kind: Some(kind), ..of("id", error.to_string()) })?;
    let object = Object::parse(kind, &id, line.object.get().as_bytes())?;
    let expected = match line.version {
        None => Expected::Anything,
        Some(0) => Expected::Nothing,
        Some(version) => Expected::Version(version),
    };
    Ok(Change { kind, id, object: Some(object), expected })
}
