//! Who takes part: five people, two enterprises, one notary, and their keys. Made once for all seeds.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use veilgate_admission::{
    AccountConfig, GuessingAction, GuessingPolicy, PasswordHash, PlatformProfile, ProofPolicy, Tenant,
};
use veilgate_flow::{
    ChannelRules, Class as Fault, Delays, Directory, FlowRules, Match, Member, NumberRules, Retry,
    RetryTable, RouteRules, Row,
};
use veilgate_identity::{Class, Config, Identity, KeyRing, import};
use veilgate_names::{
    AccountId, AsOf, AuthorizationId, ChannelId, EncryptedDeviceId, EnterpriseId, Gazetteer, KeyId, ObjectId,
    PlatformId, Pseudonym, Service, ServiceNumber, Timestamp,
};
use veilgate_notary::{Authorization, Limits, Spelled};
use veilgate_policy::{Engine, Kind, Object, Objects, Policy, State};
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::receipt::IdFormat;

use super::plan::By;

#[path = "../../../identity/tests/feed/mod.rs"]
mod feed;

const KEY: [u8; 16] = *b"notary's key k1.";
pub(crate) const PEOPLE: usize = 5;
pub(crate) const ENTERPRISES: [&str; 2] = ["ent-a", "ent-b"];
/// Accounts: the notary's, then one for each enterprise.
pub(crate) const ACCOUNTS: [&str; 3] = ["notary", "shop-a", "shop-b"];
pub(crate) const NUMBERS: [&str; 2] = ["10690001", "10690002"];
pub(crate) const PLATFORM: &str = "p1";

struct Fixed {
    keys: Arc<KeyRing>,
    identity: Arc<Identity>,
    devices: Vec<EncryptedDeviceId>,
    password: PasswordHash,
}

fn fixed() -> &'static Fixed {
    static FIXED: OnceLock<Fixed> = OnceLock::new();
    FIXED.get_or_init(|| {
        let keys = Arc::new(KeyRing::generate(&[1; 32], &mut feed::entropy()).unwrap());
        keys.import_edi_key(&KeyId::parse("k1").unwrap(), KEY, false);
        let mut entropy = feed::entropy();
        keys.ensure_sealer(Class::Registry, None, &mut entropy);
        for enterprise in ENTERPRISES.map(|name| EnterpriseId::parse(name).unwrap()) {
            for class in Class::ALL {
                keys.ensure_sealer(class, Some(&enterprise), &mut entropy);
            }
        }
        let feed = feed::feed(u32::try_from(PEOPLE).unwrap());
        let vault = import(feed.bindings.as_bytes(), feed.tenures.as_bytes(), &keys).unwrap();
        let identity = Arc::new(Identity::new(Arc::clone(&keys), vault, Config::default()));
        let device = |n: usize| {
            let n = u8::try_from(n).unwrap();
            feed::encrypt(KEY, [n; 12], &format!("imsi:{}", feed::imsi(n.into())))
        };
        let password = PasswordHash::derive(b"secret", &[3; 16], 64, 1).unwrap();
        Fixed { keys, identity, devices: (0..PEOPLE).map(device).collect(), password }
    })
}

pub(crate) fn keys() -> Arc<KeyRing> {
    Arc::clone(&fixed().keys)
}

pub(crate) fn identity() -> Arc<Identity> {
    Arc::clone(&fixed().identity)
}

/// When every simulation begins: 2 March 2026, 10 o'clock in Beijing.
pub(crate) const BEGIN: Timestamp = Timestamp(1_772_416_800_000);

/// The number of a person, as SMSCs know it.
pub(crate) fn number(person: usize) -> String {
    format!("86{}", feed::number(u32::try_from(person).unwrap()))
}

/// What an enterprise calls a person.
pub(crate) fn pseudonym(person: usize, enterprise: usize) -> String {
    format!("person{}of{}", ["a", "b", "c", "d", "e"][person], ["x", "y"][enterprise])
}

pub(crate) fn authorization_id(person: usize, enterprise: usize) -> AuthorizationId {
    AuthorizationId::parse(&format!("au-{enterprise}-{person}")).unwrap()
}

/// The consent of a person to an enterprise.
pub(crate) fn authorization(person: usize, enterprise: usize) -> Authorization {
    Authorization {
        authorization_id: authorization_id(person, enterprise),
        enterprise_id: EnterpriseId::parse(ENTERPRISES[enterprise]).unwrap(),
        pseudonym: Pseudonym::parse(&pseudonym(person, enterprise)).unwrap(),
        encrypted_device_ids: vec![fixed().devices[person].clone()],
        as_of: Spelled::<AsOf>::parse("2026-03-01").unwrap(),
        not_before: BEGIN.minus(Duration::from_secs(7200)).into(),
        expires_at: BEGIN.plus(Duration::from_secs(86_400)).into(),
        services: vec![Service::Sms],
        limits: Limits::default(),
        service_numbers: Vec::new(),
        evidence_hash: None,
        proof: None,
    }
}

pub(crate) fn profile() -> PlatformProfile {
    PlatformProfile { proof: ProofPolicy::Optional(None), short_form_lifetime: Duration::from_secs(3600) }
}

/// The accounts' settings.
pub(crate) fn accounts() -> Vec<AccountConfig> {
    let many = |count| NonZeroU32::new(count).unwrap();
    let tenant = |index: usize| match index {
        0 => Tenant::Platform(PlatformId::parse(PLATFORM).unwrap()),
        _ => Tenant::Enterprise(EnterpriseId::parse(ENTERPRISES[index - 1]).unwrap()),
    };
    let account = |(index, name): (usize, &&str)| AccountConfig {
        id: AccountId::parse(name).unwrap(),
        tenant: tenant(index),
        password: fixed().password.clone(),
        allow_from: Vec::new(),
        max_binds: many(10),
        window: many(10),
        rate_per_second: None,
        rate_per_bind: None,
        certificate: None,
        suspended: false,
        dedupe: None,
        default_service_number: None,
        guessing: GuessingPolicy { action: GuessingAction::Off, ..GuessingPolicy::default() },
    };
    ACCOUNTS.iter().enumerate().map(account).collect()
}

pub(crate) fn channel_id(channel: usize) -> ChannelId {
    ChannelId::parse(&format!("smsc-{channel}")).unwrap()
}

/// One channel as the flow sees it.
pub(crate) fn channel(index: usize, enabled: bool, retry_unknown: bool) -> ChannelRules {
    ChannelRules {
        id: channel_id(index),
        weight: 1 + u32::try_from(index).unwrap(),
        enabled,
        id_format: if index == 0 { IdFormat::AsIs } else { IdFormat::Auto },
        alphabet: DefaultAlphabet::Gsm7,
        national: false,
        long: veilgate_flow::LongRule::Udh8,
        retry_unknown,
        cancel: false,
        retry: Arc::new(retries()),
    }
}

/// What the simulated SMSCs mean by their refusals.
fn retries() -> RetryTable {
    let row = |statuses: [u32; 2], class| Row {
        matches: statuses.map(|status| Match::Status(status..=status)).into(),
        class,
        retry: Retry::Any,
        delays: Delays::Doubling(Duration::from_millis(200), Duration::from_secs(2)),
        attempts: 4,
        billable: None,
        end: None,
    };
    RetryTable::new(vec![row([0x58, 0x14], Fault::Throttled), row([0x08, 0x64], Fault::Temporary)])
}

/// The way that leads to one channel only.
fn route_to(channel: usize) -> RouteRules {
    let member = Member { channel: channel_id(channel), priority: 0, weight: None };
    RouteRules { name: Arc::from("only"), members: Arc::from([member]) }
}

/// Numbers and where replies go. `only`: the channel that the second enterprise is held to.
pub(crate) fn directory(only: Option<usize>, suspended: [Option<By>; 2]) -> Directory {
    let enterprise = |name: &str| EnterpriseId::parse(name).unwrap();
    let platform = PlatformId::parse(PLATFORM).unwrap();
    let numbers = [0, 1].map(|index| NumberRules {
        number: ServiceNumber::parse(NUMBERS[index]).unwrap(),
        enterprise: enterprise(ENTERPRISES[index]),
        extension_digits: 2,
        route: u16::from(index == 1 && only.is_some()),
        ordered: false,
    });
    let [notary, shop_a, shop_b] = ACCOUNTS.map(|name| AccountId::parse(name).unwrap());
    let suspended = [0, 1].into_iter().filter(|index| suspended[*index] == Some(By::Configuration));
    Directory::new(
        numbers.into(),
        suspended.map(|index| enterprise(ENTERPRISES[index])).collect(),
        vec![(platform.clone(), profile())],
        vec![(platform, notary)],
        vec![(enterprise(ENTERPRISES[0]), shop_a), (enterprise(ENTERPRISES[1]), shop_b)],
    )
    .with_routes(only.map(route_to).into_iter().collect())
}

/// Short times, so that everything that can end by itself does within a simulated minute.
pub(crate) fn rules(resident: usize) -> FlowRules {
    FlowRules {
        resident,
        resident_deliveries: resident,
        max_attempts: 4,
        early_receipt_hold: Duration::from_secs(5),
        late_answer_grace: Duration::from_secs(5),
        report_timeout: Duration::from_secs(30),
        store_retry: Duration::from_millis(300),
        default_validity: Duration::from_secs(60),
        delivery_retry: Duration::from_secs(1),
        ..FlowRules::default()
    }
}

/// An engine without rules.
pub(crate) fn rulebook() -> Arc<Engine> {
    Arc::new(Engine::without_rules([5; 16]).unwrap())
}

/// The policy of this number, with no rule but what suspends enterprises and locks their numbers.
pub(crate) fn policy(suspended: [Option<By>; 2], state: &State, number: u64) -> Policy {
    let mut objects = Objects::default();
    for (index, enterprise) in ENTERPRISES.into_iter().enumerate() {
        let (kind, object) = match suspended[index] {
            Some(By::Tenant) => {
                (Kind::Tenant, r#"{"level":"enterprise","parent":"carrier","state":"suspended"}"#.to_owned())
            }
            Some(By::Number) => {
                let digits = NUMBERS[index];
                (
                    Kind::Number,
                    format!(
                        r#"{{"digits":"{digits}","owner":"carrier","state":"locked","inbound_anchored":true}}"#
                    ),
                )
            }
            Some(By::Configuration) | None => continue,
        };
        let id = ObjectId::parse(enterprise).unwrap();
        let object = Object::parse(kind, &id, object.as_bytes()).unwrap();
        objects.put(id, object);
    }
    Policy::compile(&objects, &Gazetteer::default(), state, number, None).unwrap()
}
