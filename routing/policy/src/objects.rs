//! What staff manage: objects of a few kinds, each with a name within its kind and a form in JSON. A set of them is what a
//! [`Policy`](crate::Policy) is made of. Versions and their history are the shell's.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use veilgate_names::ObjectId;

use crate::mistake::Mistake;

/// The longest description of a mistake, characters: names of fields in the input may be of any length.
const MAX_PROBLEM: usize = 400;

/// Objects of one kind. A copy shares what it holds until one of them changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<T>(Arc<BTreeMap<ObjectId, Arc<T>>>);

impl<T> Table<T> {
    /// The object of this name.
    #[must_use]
    pub fn find(&self, id: &ObjectId) -> Option<&Arc<T>> {
        self.0.get(id)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectId, &Arc<T>)> {
        self.0.iter()
    }

    /// Those behind a name, in order; all of them without one.
    pub fn behind(&self, id: Option<&ObjectId>) -> impl Iterator<Item = (&ObjectId, &Arc<T>)> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.0.range((from, Bound::Unbounded))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both are the same, unchanged since one was copied from the other. What was made of one serves for the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Puts an object there, in place of what has its name.
    pub fn put(&mut self, id: ObjectId, object: Arc<T>) {
        Arc::make_mut(&mut self.0).insert(id, object);
    }

    /// Takes an object away; false if there was none.
    pub fn remove(&mut self, id: &ObjectId) -> bool {
        self.0.contains_key(id) && Arc::make_mut(&mut self.0).remove(id).is_some()
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// A kind's own form.
pub trait Managed: Serialize + DeserializeOwned + schemars::JsonSchema + PartialEq + Send + Sync {
    /// Which kind it is.
    const KIND: Kind;

    /// Checks what types alone cannot say, as far as the object itself goes; what it names is looked up when a policy is
    /// made of it.
    ///
    /// # Errors
    /// [`Mistake`] names the first field that is wrong.
    fn check(&self, id: &ObjectId) -> Result<(), Mistake>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $table:ident: $type:ty;)*) => {
        /// What kinds of objects there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All of them, such that an object comes behind those it names.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its name in paths, commands and files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The JSON schema of its objects (2020-12), made of their types and documents.
            #[must_use]
            pub fn schema(self) -> serde_json::Value {
                match self { $(Self::$kind => schemars::schema_for!($type).to_value(),)* }
            }

            /// The kind of a name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)* _ => None }
            }
        }

        /// An object of any kind.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "the kinds say it")]
        pub enum Object {
            $($kind(Arc<$type>),)*
        }

        impl Object {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// Reads an object's JSON.
            ///
            /// # Errors
            /// [`Mistake`] for what is not JSON, not of the kind's form, or wrong in itself.
            pub fn parse(kind: Kind, id: &ObjectId, json: &[u8]) -> Result<Self, Mistake> {
                match kind { $(Kind::$kind => read::<$type>(id, json).map(|object| Self::$kind(Arc::new(object))),)* }
            }

            /// Its JSON, the same for the same object.
            #[must_use]
            pub fn to_json(&self) -> Vec<u8> {
                match self { $(Self::$kind(object) => write(&**object),)* }
            }
        }

        /// A set of objects.
        #[derive(Debug, Clone, Default)]
        pub struct Objects {
            $($(#[$doc])* pub $table: Table<$type>,)*
        }

        impl Objects {
            /// Puts an object there, in place of what has its name.
            pub fn put(&mut self, id: ObjectId, object: Object) {
                match object { $(Object::$kind(object) => self.$table.put(id, object),)* }
            }

            /// Takes an object away; false if there was none.
            pub fn remove(&mut self, kind: Kind, id: &ObjectId) -> bool {
                match kind { $(Kind::$kind => self.$table.remove(id),)* }
            }

            /// An object.
            #[must_use]
            pub fn find(&self, kind: Kind, id: &ObjectId) -> Option<Object> {
                match kind { $(Kind::$kind => self.$table.find(id).cloned().map(Object::$kind),)* }
            }

            /// The names of all objects of a kind, in order.
            #[must_use]
            pub fn ids(&self, kind: Kind) -> Vec<ObjectId> {
                match kind { $(Kind::$kind => self.$table.iter().map(|(id, _)| id.clone()).collect(),)* }
            }
        }
    };
}

kinds! {
    /// Carrier, distributors, agents and enterprises.
    Tenant "tenants" tenants: crate::tenants::Tenant;
    /// Service numbers and display numbers.
    Number "numbers" numbers: crate::numbers::Number;
    /// Channels and trunks.
    Line "lines" lines: crate::lines::Line;
    /// What may stand in 【】.
    Signature "signatures" signatures: crate::content::Signature;
    /// Texts with placeholders.
    Template "templates" templates: crate::content::Template;
    /// Sensitive words.
    WordList "word-lists" word_lists: crate::content::WordList;
    /// Days that count as others.
    Calendar "calendars" calendars: crate::windows::Calendar;
    /// Hours of the day.
    Window "windows" windows: crate::windows::Window;
    /// How often one person may be contacted.
    FrequencyLimit "frequency-limits" frequency_limits: crate::contacts::FrequencyLimit;
    /// Provinces, cities and operators that are contacted or not.
    RegionRule "region-rules" region_rules: crate::regions::RegionRule;
    /// Black and white lists; their entries are not objects.
    PersonList "person-lists" person_lists: crate::lists::PersonList;
    /// What a message costs.
    PricePlan "price-plans" price_plans: crate::rating::PricePlan;
}

fn read<T: Managed>(id: &ObjectId, json: &[u8]) -> Result<T, Mistake> {
    // Serde would take a list of the fields' values as well.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(Mistake::of(T::KIND, id, "", "expected a JSON object"));
    }
    let mut from = serde_json::Deserializer::from_slice(json);
    let object: T = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { String::new() } else { path };
        Mistake::of(T::KIND, id, field, describe(&error.into_inner().to_string()))
    })?;
    from.end().map_err(|error| Mistake::of(T::KIND, id, "", describe(&error.to_string())))?;
    object.check(id)?;
    Ok(object)
}

/// What a parser says, without the value that stood there.
pub(crate) fn describe(message: &str) -> String {
    let quotes = ["unknown variant", "invalid type", "invalid value", "invalid length"];
    if !quotes.iter().any(|start| message.starts_with(start)) {
        return message.chars().take(MAX_PROBLEM).collect();
    }
    let expected = message.rsplit_once(", expected ").map_or("another value", |(_, expected)| expected);
    format!("expected {expected}").chars().take(MAX_PROBLEM).collect()
}

fn write<T: Serialize>(object: &T) -> Vec<u8> {
    serde_json::to_vec(object).unwrap_or_default()
}
