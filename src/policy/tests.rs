use std::sync::atomic::{AtomicU64, Ordering};

use veilgate_names::{ObjectId, Timestamp};
use veilgate_policy::{Change, Expected, Kind, Object};
use veilgate_store::{Batch, MemoryStore};

use super::*;

/// Counts what is put in force; refuses what names a parent that is not there.
#[derive(Default)]
struct Counting(Arc<AtomicU64>);

impl Rules for Counting {
    fn prepare(&self, objects: &Objects, number: u64) -> Result<Box<dyn FnOnce() + Send>, Mistake> {
        for (id, tenant) in objects.tenants.iter() {
            if tenant.parent.as_ref().is_some_and(|parent| objects.tenants.find(parent).is_none()) {
                return Err(Mistake::of(Kind::Tenant, id, "parent", "not there"));
            }
        }
        let counted = Arc::clone(&self.0);
        Ok(Box::new(move || counted.store(number, Ordering::Relaxed)))
    }
}

fn tenant(name: &str, json: &str) -> Change {
    let id = ObjectId::parse(name).unwrap();
    let object = Object::parse(Kind::Tenant, &id, json.as_bytes()).unwrap();
    Change { kind: Kind::Tenant, id, object: Some(object), expected: Expected::Anything }
}

fn written(changes: Vec<Change>) -> MemoryStore {
    let plan = Catalogue::default().plan(changes, "x", Timestamp(0)).unwrap();
    let store = MemoryStore::new(1 << 20);
    for stage in &plan.stages {
        let mut batch = Batch::new();
        for Write { key, value } in stage {
            match value {
                Some(value) => batch.put(Space::Object, key, value).unwrap(),
                None => batch.delete(Space::Object, key).unwrap(),
            }
        }
        store.commit(&[batch]).unwrap();
    }
    store
}

#[test]
fn what_lies_in_the_store_is_in_force_after_a_start() {
    let store = written(vec![
        tenant("carrier", r#"{"level":"carrier"}"#),
        tenant("a", r#"{"level":"agent","parent":"carrier"}"#),
    ]);
    let rules = Counting::default();
    let in_force = Arc::clone(&rules.0);
    let opened = PolicyStore::open(&store, Arc::new(rules)).unwrap();
    assert_eq!((opened.catalogue().len(), in_force.load(Ordering::Relaxed)), (2, 1));
}

#[test]
fn an_empty_store_is_policy_nought() {
    let opened = PolicyStore::open(&MemoryStore::new(1 << 20), Arc::new(Counting::default())).unwrap();
    assert_eq!((opened.catalogue().number(), opened.catalogue().len()), (0, 0));
}

#[test]
fn objects_that_do_not_fit_together_or_are_damaged_stop_the_start() {
    let store = written(vec![tenant("a", r#"{"level":"agent","parent":"nobody"}"#)]);
    let Err(OpenError::Rules(mistake)) = PolicyStore::open(&store, Arc::new(Counting::default())) else {
        panic!()
    };
    assert_eq!(mistake.to_string(), "tenants/a/parent: not there");
    let mut batch = Batch::new();
    batch.put(Space::Object, b"\x09", b"x").unwrap();
    store.commit(&[batch]).unwrap();
    let opened = PolicyStore::open(&store, Arc::new(Counting::default()));
    assert!(matches!(opened, Err(OpenError::Load(LoadError::Key))));
}
