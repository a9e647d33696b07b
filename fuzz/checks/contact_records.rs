//! What must hold for any octets that stand in a record of a contact: it is refused, or it counts until no limit reaches
//! back to it, and what is to be deleted then is what was there.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use veilgate_names::{Monotonic, SubscriberKey, Timestamp};
use veilgate_policy::{ContactRecord, Contacts, FrequencyLimit, Limits, Objects, Tree};

const NOW: Timestamp = Timestamp(1_772_416_800_000);
/// The value of a record.
const OCTETS: usize = 40;

fn limits() -> &'static Limits {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    LIMITS.get_or_init(|| {
        let mut objects = Objects::default();
        FrequencyLimit::lay_shipped(&mut objects).unwrap();
        Limits::compile(&objects, &Tree::compile(&objects).unwrap()).unwrap()
    })
}

/// Records one behind the other, the last as long as it is.
pub(crate) fn check(input: &[u8]) {
    let contacts = Contacts::new([5; 16]);
    let (mut held, mut persons) = (BTreeSet::new(), BTreeSet::new());
    for (number, value) in (0_u64..).zip(input.chunks(OCTETS)) {
        let key = number.to_be_bytes();
        let taken = contacts.restore(&key, value, NOW).is_ok();
        assert_eq!(ContactRecord::check(&key, value).is_ok(), taken);
        if taken {
            held.insert(key);
            persons.insert(SubscriberKey(value[1..17].try_into().unwrap()));
        }
    }
    assert_eq!(contacts.persons(), persons.len());
    let forget = |records: Vec<ContactRecord>, held: &mut BTreeSet<[u8; 8]>| {
        for record in records {
            assert!(record.value.is_none() && held.remove(&record.key));
        }
    };
    forget(contacts.sweep(limits(), NOW, Monotonic(0), usize::MAX).deletions, &mut held);
    if let Some(person) = persons.first() {
        forget(contacts.erase(*person), &mut held);
    }
    let (later, monotonic) = (Timestamp(NOW.0 + 40 * 86_400_000), Monotonic(40 * 86_400_000_000));
    forget(contacts.sweep(limits(), later, monotonic, usize::MAX).deletions, &mut held);
    assert_eq!((held.len(), contacts.persons()), (0, 0));
}
