//! What the ops socket asks about objects, and what it is answered.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use veilgate_names::ObjectId;
use veilgate_policy::{
    Catalogue, Change, Expected, Import, Kind, LineMistake, MAX_CHANGE_OCTETS, MAX_OBJECT_OCTETS, Object,
};

use super::change::{Asked, Author, Cause, Refusal};
use super::shown::{ShownChange, ShownKind, ShownMistake, ShownObject, ShownRevision};
use crate::app::App;
use crate::files;

/// Differences told of one change at most: an answer has a bound.
const TOLD: usize = 10_000;
/// Objects in one answer at most.
const MOST_OBJECTS: usize = 200;
/// Octets of JSON after which an answer ends.
const PAGE_OCTETS: usize = 2 << 20;

/// What is asked about objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PolicyCommand {
    /// Tell the kinds and how many objects there are.
    Kinds {},
    /// Tell the objects of a kind, a page at a time.
    List {
        /// The kind.
        kind: String,
        /// The name behind which the page begins.
        #[serde(default)]
        after: Option<String>,
    },
    /// Tell one object.
    Show {
        /// The kind.
        kind: String,
        /// The name.
        id: String,
    },
    /// Tell an object's last changes, also of one that was taken away.
    History {
        /// The kind.
        kind: String,
        /// The name.
        id: String,
    },
    /// Put an object.
    Put {
        /// The kind.
        kind: String,
        /// The name.
        id: String,
        /// A file with its JSON, which the gateway can read.
        path: PathBuf,
        /// The version that must be there; 0 for none. Without it, whatever is there.
        #[serde(default)]
        expected_version: Option<u64>,
    },
    /// Take an object away.
    Delete {
        /// The kind.
        kind: String,
        /// The name.
        id: String,
        /// The version that must be there.
        #[serde(default)]
        expected_version: Option<u64>,
    },
    /// Put many objects, all or none.
    Import {
        /// A file of JSON lines or CSV, which the gateway can read.
        path: PathBuf,
        /// The kind of the objects in a CSV; the only kind that `replace` concerns.
        #[serde(default)]
        kind: Option<String>,
        /// Take away what is not in the file.
        #[serde(default)]
        replace: bool,
        /// Only tell what would be different.
        #[serde(default)]
        dry_run: bool,
        /// The policy that must be in force.
        #[serde(default)]
        expected_policy: Option<u64>,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum PolicyAnswer {
    /// The kinds.
    Kinds {
        /// The policy in force.
        policy: u64,
        /// Each kind.
        kinds: Vec<ShownKind>,
    },
    /// Objects.
    Objects {
        /// The policy in force.
        policy: u64,
        /// Each object.
        objects: Vec<ShownObject>,
        /// The name behind which the next page begins.
        #[serde(default)]
        next: Option<String>,
    },
    /// An object's changes, the last first.
    History {
        /// Each.
        revisions: Vec<ShownRevision>,
    },
    /// A change is made, or could be.
    Changed(ShownChange),
    /// Nothing is changed.
    Refused {
        /// What is wrong; at least one.
        mistakes: Vec<ShownMistake>,
    },
}

impl App {
    /// Does what is asked about objects.
    pub(crate) async fn policy_command(
        self: &Arc<Self>,
        command: PolicyCommand,
        author: Author,
    ) -> PolicyAnswer {
        let catalogue = self.policy.catalogue();
        let told = match command {
            PolicyCommand::Kinds {} => {
                let kinds = ShownKind::all(&catalogue);
                Ok(PolicyAnswer::Kinds { policy: catalogue.number(), kinds })
            }
            PolicyCommand::List { kind, after } => list(&catalogue, &kind, after.as_deref()),
            PolicyCommand::Show { kind, id } => show(&catalogue, &kind, &id),
            PolicyCommand::History { kind, id } => history(&catalogue, &kind, &id),
            change => self.changing_command(change, author).await,
        };
        told.unwrap_or_else(|refusal| PolicyAnswer::Refused {
            mistakes: refusal.mistakes.iter().map(ShownMistake::from).collect(),
        })
    }

    async fn changing_command(
        self: &Arc<Self>,
        command: PolicyCommand,
        author: Author,
    ) -> Result<PolicyAnswer, Refusal> {
        let read = tokio::task::spawn_blocking(move || asked(command)).await;
        let asked = match read.unwrap_or_else(|_| Err(unreadable("the file cannot be read"))) {
            Ok(asked) => asked,
            Err(refusal) => {
                self.write_down_refusal(&refusal, &author.actor);
                return Err(refusal);
            }
        };
        let changed = self.change_objects(asked, author).await?;
        Ok(PolicyAnswer::Changed(ShownChange::new(&changed, TOLD)))
    }
}

/// One change of one object.
pub(super) fn single(kind: Kind, id: ObjectId, object: Option<Object>, expected: Expected) -> Asked {
    let import = Import::of(Change { kind, id, object, expected });
    Asked { import, ..Asked::default() }
}

/// The kind and name of an object.
pub(super) fn place(kind: &str, id: &str) -> Result<(Kind, ObjectId), Refusal> {
    let kind = Kind::named(kind).ok_or_else(|| Refusal::new(Cause::Unknown, "there is no such kind"))?;
    let id = ObjectId::parse(id).map_err(|error| {
        let problem = LineMistake::whole(error.to_string());
        Refusal::invalid(vec![LineMistake { kind: Some(kind), field: "id".to_owned(), ..problem }])
    })?;
    Ok((kind, id))
}

/// A page of objects, and where the next begins.
pub(super) fn page(
    catalogue: &Catalogue,
    kind: Kind,
    after: Option<&ObjectId>,
    most: usize,
) -> (Vec<ShownObject>, Option<ObjectId>) {
    let (mut objects, mut octets, mut last) = (Vec::new(), 0_usize, None);
    for (id, entry) in catalogue.present(kind, after) {
        if objects.len() >= most || octets >= PAGE_OCTETS {
            return (objects, last);
        }
        let json = catalogue.objects().find(kind, id).map(|object| object.to_json()).unwrap_or_default();
        octets = octets.saturating_add(json.len());
        objects.push(ShownObject::of_json(kind, id, &json, entry));
        last = Some(id.clone());
    }
    (objects, None)
}

fn list(catalogue: &Catalogue, kind: &str, after: Option<&str>) -> Result<PolicyAnswer, Refusal> {
    let kind = Kind::named(kind).ok_or_else(|| Refusal::new(Cause::Unknown, "there is no such kind"))?;
    let after = after.map(|after| place(kind.name(), after).map(|(_, id)| id)).transpose()?;
    let (objects, next) = page(catalogue, kind, after.as_ref(), MOST_OBJECTS);
    let next = next.map(|id| id.to_string());
    Ok(PolicyAnswer::Objects { policy: catalogue.number(), objects, next })
}

fn show(catalogue: &Catalogue, kind: &str, id: &str) -> Result<PolicyAnswer, Refusal> {
    let (kind, id) = place(kind, id)?;
    let (object, entry) = catalogue.find(kind, &id).ok_or_else(|| unknown(kind, &id))?;
    let objects = vec![ShownObject::new(&id, &object, &entry)];
    Ok(PolicyAnswer::Objects { policy: catalogue.number(), objects, next: None })
}

fn history(catalogue: &Catalogue, kind: &str, id: &str) -> Result<PolicyAnswer, Refusal> {
    let (kind, id) = place(kind, id)?;
    let entry = catalogue.entry(kind, &id).ok_or_else(|| unknown(kind, &id))?;
    Ok(PolicyAnswer::History { revisions: ShownRevision::all(entry) })
}

/// That there is no such object.
pub(super) fn unknown(kind: Kind, id: &ObjectId) -> Refusal {
    let mistake = LineMistake::whole("there is no such object");
    Refusal {
        cause: Cause::Unknown,
        mistakes: vec![LineMistake { kind: Some(kind), id: Some(id.clone()), ..mistake }],
    }
}

/// The change that a command asks for.
fn asked(command: PolicyCommand) -> Result<Asked, Refusal> {
    match command {
        PolicyCommand::Put { kind, id, path, expected_version } => {
            let (kind, id) = place(&kind, &id)?;
            let json = content(&path, MAX_OBJECT_OCTETS)?;
            let object =
                Object::parse(kind, &id, &json).map_err(|mistake| Refusal::invalid(vec![mistake.into()]))?;
            Ok(single(kind, id, Some(object), expected(expected_version)))
        }
        PolicyCommand::Delete { kind, id, expected_version } => {
            let (kind, id) = place(&kind, &id)?;
            Ok(single(kind, id, None, expected(expected_version)))
        }
        PolicyCommand::Import { path, kind, replace, dry_run, expected_policy } => {
            let named = |name: &str| {
                Kind::named(name).ok_or_else(|| Refusal::new(Cause::Unknown, "there is no such kind"))
            };
            let kind = kind.as_deref().map(named).transpose()?;
            let octets = content(&path, MAX_CHANGE_OCTETS)?;
            let import = if is_csv(&path) { csv(kind, &octets) } else { Import::json_lines(&octets) };
            let import = import.map_err(Refusal::invalid)?;
            let replace = if replace { replaced(kind) } else { Vec::new() };
            Ok(Asked { import, replace, policy: expected_policy, dry_run })
        }
        _ => Err(unreadable("that changes nothing")),
    }
}

/// The kinds of which a file with `replace` leaves only its own objects.
pub(super) fn replaced(kind: Option<Kind>) -> Vec<Kind> {
    kind.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind])
}

/// Reads CSV, which needs to be told its kind.
pub(super) fn csv(kind: Option<Kind>, octets: &[u8]) -> Result<Import, Vec<LineMistake>> {
    let Some(kind) = kind else {
        return Err(vec![LineMistake::whole("a CSV needs the kind of its objects")]);
    };
    Import::csv(kind, octets)
}

fn expected(version: Option<u64>) -> Expected {
    match version {
        None => Expected::Anything,
        Some(0) => Expected::Nothing,
        Some(version) => Expected::Version(version),
    }
}

fn is_csv(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// What stands in a file, packed or not.
fn content(path: &Path, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut octets = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = files::open(path).and_then(|file| file.take(bound).read_to_end(&mut octets));
    read.map_err(|_| unreadable("the gateway cannot read the file"))?;
    if octets.len() > most {
        return Err(Refusal::new(Cause::TooLarge, "the file is too long"));
    }
    Ok(octets)
}

fn unreadable(problem: &str) -> Refusal {
    Refusal::new(Cause::Invalid, problem)
}
