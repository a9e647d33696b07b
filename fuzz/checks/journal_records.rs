//! What must hold for any octets that stand in a record of the journal, its seal unbroken: a start reads what it can,
//! counts the rest as damaged, and goes on.

use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};

use veilgate_admission::{PlatformProfile, ProofPolicy, Registry};
use veilgate_flow::{
    ChannelRules, Directory, Flow, FlowRules, Gate, Moment, OptOuts, Outcomes, Turn, pending_cdrs,
};
use veilgate_identity::{Class, Config, Identity, KeyRing, Slots, Vault};
use veilgate_ledger::NodeName;
use veilgate_names::{ChannelId, EnterpriseId, Monotonic, PlatformId, Timestamp};
use veilgate_notary::Authorization;
use veilgate_policy::Engine;
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::receipt::IdFormat;
use veilgate_store::{Batch, MemoryStore, Space, Store, StoreError};

/// What the corpus' messages are sent under.
const AUTHORIZATION: &str = r#"{"authorization_id":"NAME","enterprise_id":"ent-1","pseudonym":"Zk3NAME",
    "encrypted_device_ids":["edi1.k1.AAAA"],"as_of":"2026-03-01","not_before":"2026-03-01","expires_at":"2027-03-01",
    "services":["sms"]}"#;

fn enterprise() -> EnterpriseId {
    EnterpriseId::parse("ent-1").unwrap()
}

fn keys() -> Arc<KeyRing> {
    static KEYS: OnceLock<Arc<KeyRing>> = OnceLock::new();
    let made = || {
        let mut entropy = |octets: &mut [u8]| octets.fill(9);
        let keys = KeyRing::generate(&[1; 32], &mut entropy).unwrap();
        keys.ensure_sealer(Class::Registry, None, &mut entropy);
        for class in Class::ALL {
            keys.ensure_sealer(class, Some(&enterprise()), &mut entropy);
        }
        Arc::new(keys)
    };
    Arc::clone(KEYS.get_or_init(made))
}

fn flow() -> Flow {
    let keys = keys();
    let gate = Gate {
        registry: Arc::new(Registry::new(100)),
        identity: Arc::new(Identity::new(Arc::clone(&keys), Vault::default(), Config::default())),
        slots: Arc::new(Slots::new(100)),
        directory: arc_swap::ArcSwap::default(),
        opt_outs: OptOuts::new(100),
        policy: Arc::new(Engine::without_rules([0; 16]).unwrap()),
    };
    for name in ["au-0-0", "au-0-1", "au-0-2", "au-1-0", "au-1-1", "au-1-4"] {
        let platform = PlatformId::parse("p1").unwrap();
        let profile = PlatformProfile {
            proof: ProofPolicy::Optional(None),
            short_form_lifetime: std::time::Duration::from_secs(1),
        };
        let json = AUTHORIZATION.replace("NAME", name);
        let authorization = Authorization::from_json(json.as_bytes()).unwrap();
        gate.registry.register(authorization, &platform, &profile, Timestamp(0)).unwrap();
    }
    let node = NodeName::parse("n1").unwrap();
    let flow = Flow::new(gate, FlowRules::default(), keys, node, [5; 12], 1 << 40);
    let channel = ChannelRules {
        id: ChannelId::parse("smsc-0").unwrap(),
        weight: 1,
        enabled: true,
        id_format: IdFormat::Auto,
        alphabet: DefaultAlphabet::Gsm7,
        national: false,
        long: veilgate_flow::LongRule::Udh8,
        retry_unknown: false,
        retry: Arc::default(),
        cancel: false,
    };
    flow.configure(&[channel], &[], Directory::default(), &mut Outcomes::default());
    flow
}

/// Several records: `space u8, open octets u8, all octets u8, octets`. What is open lies before the seal, where the kind
/// of record has such a part; the key is the octets' number among the records, or their first 32.
pub(crate) fn check(input: &[u8]) {
    let store = MemoryStore::new(1 << 24);
    let mut rest = input;
    let mut number = 0_u64;
    while let [space, open, length, more @ ..] = rest {
        let (record, after) = more.split_at(usize::from(*length).min(more.len()));
        rest = after;
        let space = Space::ALL[usize::from(*space) % Space::ALL.len()];
        let value = sealed(space, usize::from(*open).min(record.len()), record);
        let key = match space {
            Space::Message | Space::State | Space::Delivery | Space::Cdr => number.to_be_bytes().to_vec(),
            _ => record.iter().copied().take(32).chain([1]).collect(),
        };
        number += u64::from(space == Space::State);
        let mut batch = Batch::new();
        batch.put(space, &key, &value).unwrap();
        store.commit(&[batch]).unwrap();
    }
    start(&store);
}

fn start(store: &MemoryStore) {
    let flow = flow();
    let at = Moment { wall: Timestamp(1_772_416_800_000), mono: Monotonic(1_000_000) };
    let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
    let _ = pending_cdrs(store).unwrap();
    // Somebody's money that does not read back stops the start.
    let restored = match flow.restore(store, at, &mut turn, &mut outcomes) {
        Err(StoreError::Io(ErrorKind::InvalidData)) => return,
        restored => restored.unwrap(),
    };
    assert_eq!(flow.counts().0, flow.admitted(), "{restored:?}");
    let later = Moment { wall: Timestamp(at.wall.0 + 400_000_000), mono: Monotonic(400_000_000_000) };
    flow.tick(later, &mut turn, &mut outcomes);
    store.commit(&[turn.take_batch()]).unwrap();
    flow.committed(vec![turn], Ok(()), later, &mut outcomes);
}

fn sealed(space: Space, open: usize, record: &[u8]) -> Vec<u8> {
    let tenant = enterprise();
    let (class, tenant) = match space {
        Space::Message | Space::Reply => (Class::Text, Some(&tenant)),
        Space::Delivery => (Class::Alias, Some(&tenant)),
        Space::State | Space::Cdr | Space::Meta | Space::Contact | Space::Balance | Space::Charge => {
            return record.to_vec();
        }
        _ => (Class::Registry, None),
    };
    let sealer = keys().sealer(class, tenant).unwrap();
    let name = tenant.map_or("", EnterpriseId::as_str).as_bytes();
    let mut out = vec![u8::try_from(name.len()).unwrap()];
    out.extend_from_slice(name);
    out.extend_from_slice(&sealer.version().to_be_bytes());
    if matches!(space, Space::Message | Space::Delivery) {
        let (open, plain) = record.split_at(open);
        out.extend_from_slice(&u16::try_from(open.len()).unwrap().to_be_bytes());
        out.extend_from_slice(open);
        sealer.seal_behind([3; 12], 0, plain, &mut out);
    } else {
        sealer.seal([3; 12], name, record, &mut out);
    }
    out
}
