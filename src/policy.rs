//! The objects that staff manage, in the journal: versioned, changed one change at a time, in force when the change is
//! durable. What the objects mean is [`Rules`]' business, what may follow what the catalogue's.

mod api;
mod change;
mod command;
mod openapi;
mod shown;
mod tokens;

use std::sync::Arc;

use arc_swap::ArcSwap;
use veilgate_identity::Identity;
use veilgate_policy::{
    Catalogue, Engine, FrequencyLimit, LoadError, Loader, Mistake, Objects, Policy, Write,
};
use veilgate_store::{Damage, Space, Store, StoreError};

pub use api::{Peer, router};
pub(crate) use change::Author;
pub use command::{PolicyAnswer, PolicyCommand};
pub use shown::{ShownChange, ShownDifference, ShownKind, ShownMistake, ShownObject, ShownRevision};
pub use tokens::{TokenError, Tokens};

/// Records per page of a scan.
const PAGE: usize = 256;

/// Makes rules of objects.
pub trait Rules: Send + Sync + 'static {
    /// Makes a policy of the objects, and gives what puts it in force. The number tells policies apart: it counts up.
    ///
    /// # Errors
    /// [`Mistake`] for the first object that does not fit the others. The policy in force stays.
    fn prepare(&self, objects: &Objects, number: u64) -> Result<Box<dyn FnOnce() + Send>, Mistake>;
}

/// The rules of the engine that decides about messages.
pub struct Enforced {
    engine: Arc<Engine>,
    identity: Arc<Identity>,
    /// Whether the shipped limits hold where no object has their id.
    shipped_limits: bool,
}

impl Enforced {
    /// Rules for an engine; `identity` knows the names of places.
    #[must_use]
    pub fn new(engine: Arc<Engine>, identity: Arc<Identity>, shipped_limits: bool) -> Self {
        Self { engine, identity, shipped_limits }
    }
}

impl Rules for Enforced {
    fn prepare(&self, objects: &Objects, number: u64) -> Result<Box<dyn FnOnce() + Send>, Mistake> {
        let mut objects = objects.clone();
        if self.shipped_limits {
            FrequencyLimit::lay_shipped(&mut objects)?;
        }
        let (state, earlier) = (self.engine.state(), self.engine.policy());
        let policy = Policy::compile(&objects, &self.identity.gazetteer(), state, number, Some(&earlier))?;
        let engine = Arc::clone(&self.engine);
        Ok(Box::new(move || engine.replace(policy)))
    }
}

/// See the module.
pub struct PolicyStore {
    catalogue: ArcSwap<Catalogue>,
    /// Held while a change is made. Records that earlier ones left behind and that must go before the next.
    changing: tokio::sync::Mutex<Vec<Write>>,
    rules: Arc<dyn Rules>,
}

/// Why the gateway does not start with what lies in the journal: a rule that is missing would let through what it should
/// stop.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be read.
    #[error("{0}")]
    Store(StoreError),
    /// A record is damaged.
    #[error("a record of the objects is damaged, at octet {} of segment {}", .0.offset, .0.segment)]
    Damaged(Damage),
    /// An object is damaged, lost, or none any more.
    #[error("{0}")]
    Load(LoadError),
    /// The objects do not fit together.
    #[error("{0}")]
    Rules(Mistake),
}

impl PolicyStore {
    /// Reads the objects and puts them in force.
    ///
    /// # Errors
    /// [`OpenError`] names what is wrong.
    pub fn open(store: &dyn Store, rules: Arc<dyn Rules>) -> Result<Self, OpenError> {
        let (catalogue, left) = read(store)?;
        rules.prepare(catalogue.objects(), catalogue.number()).map_err(OpenError::Rules)?();
        let catalogue = ArcSwap::from_pointee(catalogue);
        Ok(Self { catalogue, changing: tokio::sync::Mutex::new(left), rules })
    }

    /// The objects in force.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }
}

fn read(store: &dyn Store) -> Result<(Catalogue, Vec<Write>), OpenError> {
    let mut loader = Loader::default();
    let mut after: Option<Box<[u8]>> = None;
    loop {
        let page = store.scan(Space::Object, after.as_deref(), PAGE).map_err(OpenError::Store)?;
        if let Some(damage) = page.damaged.first() {
            return Err(OpenError::Damaged(*damage));
        }
        for entry in &page.entries {
            loader.add(&entry.key, &entry.value).map_err(OpenError::Load)?;
        }
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    loader.finish().map_err(OpenError::Load)
}

#[cfg(test)]
mod tests;
