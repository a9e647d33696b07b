//! What must hold for any octets that are sent as objects, or lie in the store as such: no panic, what is read is written
//! the same again, and a change that is written down comes back.

use veilgate_names::ObjectId;
use veilgate_policy::{Catalogue, Import, Kind, Loader, Object};

pub(crate) fn check(input: &[u8]) {
    let id = ObjectId::parse("x").unwrap();
    for kind in Kind::ALL.iter().copied() {
        let _ = Import::csv(kind, input);
        if let Ok(object) = Object::parse(kind, &id, input) {
            let json = object.to_json();
            let again = Object::parse(kind, &id, &json).unwrap();
            assert_eq!(again.to_json(), json);
        }
    }
    if let Ok(import) = Import::json_lines(input) {
        let plan = Catalogue::default().plan(import.changes, "fuzz", veilgate_names::Timestamp(0));
        if let Ok(plan) = plan {
            let mut loader = Loader::default();
            for write in plan.stages.iter().flatten() {
                loader.add(&write.key, write.value.as_deref().unwrap_or_default()).unwrap();
            }
            let (loaded, left) = loader.finish().unwrap();
            assert_eq!(
                (loaded.number(), loaded.len(), left.len()),
                (plan.catalogue.number(), plan.catalogue.len(), 0)
            );
        }
    }
    let mut loader = Loader::default();
    let (key, value) = input.split_at(input.len().min(24));
    let _ = loader.add(key, value);
    let _ = loader.finish();
}
