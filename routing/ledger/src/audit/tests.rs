use proptest::prelude::*;
use veilgate_names::{
    AccountId, AuthorizationId, ChannelId, EnterpriseId, KeyId, MessageId, ObjectId, PlatformId, Reason,
    Timestamp,
};
use veilgate_notary::{PublicKey, SecretKey};

use super::anchor::{Anchor, Position};
use super::chain::{Chain, ResumeError, Tail, last_whole_line};
use super::event::{
    Actor, ActorName, AuditEvent, BindMode, CaseId, ConfigPart, ListAct, PlaceTable, RefusedBind, RulesAct,
    SubjectCause,
};
use super::verify::{Broken, BrokenKind, Expectation, Verified, verify};
use crate::hash::Sm3Hash;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const EVERY: u64 = 8;

fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

fn genesis() -> Sm3Hash {
    Sm3Hash::of(b"installation")
}

/// One of each, in the order of `AuditEvent::TYPES`.
fn events() -> Vec<AuditEvent> {
    [
        service_events(),
        consent_events(),
        person_events(),
        operation_events(),
        balance_events(),
        key_events(),
        object_events(),
    ]
    .concat()
}

fn service_events() -> Vec<AuditEvent> {
    let source = "192.0.2.1".parse().unwrap();
    vec![
        AuditEvent::Started,
        AuditEvent::Draining,
        AuditEvent::Stopped,
        AuditEvent::TailCut { octets: 17 },
        AuditEvent::TailMissing { records: 2 },
        AuditEvent::RecordsOmitted { refused_binds: 7, others: 1 },
        AuditEvent::JournalDamaged { records: 3 },
        AuditEvent::BindAccepted { source, mode: BindMode::Transceiver },
        AuditEvent::BindRefused { source, cause: RefusedBind::WrongPassword },
        AuditEvent::AccountLocked { source },
        AuditEvent::Unbound { source },
    ]
}

fn consent_events() -> Vec<AuditEvent> {
    let authorization = AuthorizationId::parse("au-\"1\"\\").unwrap();
    let enterprise = EnterpriseId::parse("ent-1").unwrap();
    vec![
        AuditEvent::AuthorizationsRegistered { count: 3 },
        AuditEvent::AuthorizationsRefused { count: 2 },
        AuditEvent::AuthorizationRevoked { authorization: authorization.clone() },
        AuditEvent::OptedOut { enterprise: enterprise.clone(), authorization: Some(authorization) },
        AuditEvent::AuthorizationsRevoked { count: 1000, ids_sm3: Sm3Hash::of(b"au-1\n") },
        AuditEvent::EnterpriseRevoked { enterprise, count: 7 },
        AuditEvent::AuthorizationsPurged { count: 5 },
        AuditEvent::AuthorizationsErased { count: 2 },
        AuditEvent::ReceiptsDropped { account: AccountId::parse("shop").unwrap(), count: 2 },
    ]
}

fn person_events() -> Vec<AuditEvent> {
    let authorization = AuthorizationId::parse("au-\"1\"\\").unwrap();
    let (case, li) = (CaseId::parse("R-2026-17").unwrap(), ActorName::parse("li").unwrap());
    vec![
        AuditEvent::CdrFilesPurged { files: 3, octets: 4096, sm3: Sm3Hash::of(b"names") },
        AuditEvent::Rules(RulesAct::Passed(MessageId(0x1a))),
        AuditEvent::Rules(RulesAct::Refused(MessageId(0x1b))),
        AuditEvent::Rules(RulesAct::Explained {
            message: Some(MessageId(0x1a)),
            enterprise: EnterpriseId::parse("shop").ok(),
            authorization: Some(authorization.clone()),
        }),
        AuditEvent::IdentityExplained {
            case: case.clone(),
            cause: SubjectCause::Complaint,
            authorization: Some(authorization),
        },
        AuditEvent::SubjectReported {
            case: case.clone(),
            cause: SubjectCause::Request,
            approver: li.clone(),
            count: 1,
        },
        AuditEvent::SubjectDeleted {
            case: case.clone(),
            cause: SubjectCause::Authority,
            approver: li,
            count: 2,
        },
        AuditEvent::SubjectRefused { case, cause: SubjectCause::Incident },
    ]
}

fn operation_events() -> Vec<AuditEvent> {
    let authorization = AuthorizationId::parse("au-\"1\"\\").unwrap();
    let channel = ChannelId::parse("smsc-1").unwrap();
    let account = AccountId::parse("shop").unwrap();
    vec![
        AuditEvent::GuessingSuspected { account: account.clone(), failures: 200, submits: 300 },
        AuditEvent::AccountFrozen { account: account.clone() },
        AuditEvent::AccountUnfrozen { account },
        AuditEvent::RevocationRefused { authorization, reason: Reason::NotPermitted },
        AuditEvent::Reloaded { part: ConfigPart::Accounts, added: 1, changed: 2, removed: 3 },
        AuditEvent::ReloadRefused { part: ConfigPart::Channels },
        AuditEvent::FeedImported { bindings: 1_000_000, tenures: 900_000 },
        AuditEvent::FeedRefused,
        AuditEvent::ListChanged {
            list: ObjectId::parse("do-not-call").unwrap(),
            act: ListAct::Replaced,
            added: 3,
            removed: 2,
            moved: 1,
            before: None,
            after: Some(Sm3Hash::of(b"list")),
        },
        AuditEvent::ListRefused { list: ObjectId::parse("do-not-call").unwrap() },
        AuditEvent::PlacesImported { table: PlaceTable::Segments, rows: 499_527, version: Sm3Hash([7; 32]) },
        AuditEvent::PlacesRefused { table: PlaceTable::Portability },
        AuditEvent::ChannelEnabled { channel: channel.clone() },
        AuditEvent::ChannelDisabled { channel: channel.clone() },
        AuditEvent::ChannelDraining { channel: channel.clone() },
        AuditEvent::DrainRequested,
        AuditEvent::ChannelUp { channel: channel.clone() },
        AuditEvent::ChannelDown { channel },
    ]
}

fn object_events() -> Vec<AuditEvent> {
    let object = ObjectId::parse("spring-sale").unwrap();
    let (kind, source) = ("templates", "127.0.0.1".parse().unwrap());
    let (before, after) = (Some(Sm3Hash::of(b"{}")), Some(Sm3Hash::of(b"[]")));
    vec![
        AuditEvent::ObjectPut { kind, object: object.clone(), version: 2, policy: 9, before, after },
        AuditEvent::ObjectRemoved { kind, object: object.clone(), version: 3, policy: 10, before },
        AuditEvent::ObjectsImported { policy: 11, added: 1, changed: 2, removed: 3 },
        AuditEvent::ObjectsRefused { kind: Some(kind), object: Some(object), mistakes: 1 },
        AuditEvent::OpsTokenRefused { source },
        AuditEvent::OpsLocked { source },
    ]
}

fn balance_events() -> Vec<AuditEvent> {
    let [tenant, reference] = ["ent-1", "bank-17"].map(|name| ObjectId::parse(name).unwrap());
    vec![
        AuditEvent::BalancePaidIn { tenant: tenant.clone(), reference: reference.clone(), millis: 1_000_000 },
        AuditEvent::BalanceTakenOut { tenant: tenant.clone(), reference: reference.clone(), millis: 1 },
        AuditEvent::BalanceRefused { tenant: tenant.clone(), reference },
        AuditEvent::BalanceLow { tenant },
    ]
}

fn key_events() -> Vec<AuditEvent> {
    let (kid, by) = (KeyId::parse("k1").unwrap(), KeyId::parse("k2").unwrap());
    let (class, tenant) = ("text", EnterpriseId::parse("ent-1").unwrap());
    vec![
        AuditEvent::KeyRingMade,
        AuditEvent::DataKeysMade { count: 9 },
        AuditEvent::EdiKeyGenerated { kid: kid.clone() },
        AuditEvent::EdiKeyImported { kid: kid.clone() },
        AuditEvent::EdiKeyProfiled { kid: kid.clone() },
        AuditEvent::EdiKeyRotated { kid: kid.clone(), by },
        AuditEvent::EdiKeyRetired { kid: kid.clone() },
        AuditEvent::EdiKeyDestroyed { kid },
        AuditEvent::DataKeyRotated { class, tenant: None, version: 2 },
        AuditEvent::DataKeyDestroyed { class, tenant: Some(tenant.clone()), version: 1 },
        AuditEvent::MasterKeyRotated { source: "file" },
        AuditEvent::KeyChangeRefused { action: "retire" },
        AuditEvent::TenantOffboarded { tenant: tenant.clone(), keys: 4, messages: 1, records: 12 },
        AuditEvent::TenantOffboardRefused { tenant },
    ]
}

fn actors() -> Vec<Actor> {
    vec![
        Actor::System,
        Actor::Account(AccountId::parse("a\"\\b").unwrap()),
        Actor::Platform(PlatformId::parse("p1").unwrap()),
        Actor::Token(ActorName::parse("console").unwrap()),
        Actor::Operator { uid: 1000, name: None },
        Actor::Operator { uid: 1000, name: ActorName::parse("zhang wei") },
        Actor::Unknown,
    ]
}

/// A chain of `count` records, checkpoints included, with its anchor.
fn written(count: u64) -> (Vec<u8>, Anchor) {
    let (mut chain, mut out) = (Chain::new(genesis()), Vec::new());
    let (events, actors) = (events(), actors());
    for (event, actor) in events.iter().cycle().zip(actors.iter().cycle()) {
        let now = Timestamp(NOW.0 + i64::try_from(chain.head().seq).unwrap());
        if chain.head().seq == count {
            break;
        }
        if chain.checkpoint_due(EVERY) {
            chain.checkpoint(&key(), now, &mut out).unwrap();
        } else {
            chain.append(actor, event, now, &mut out);
        }
    }
    (out, chain.anchor(NOW, Some(&key())).unwrap())
}

fn expectation<'a>(key: &'a PublicKey, anchor: &'a Anchor) -> Expectation<'a> {
    Expectation {
        after: Some(Position::genesis(genesis())),
        key: Some(key),
        checkpoint_every: Some(EVERY),
        anchor: Some(anchor),
    }
}

fn lines(file: &[u8]) -> Vec<Vec<u8>> {
    file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Writes every line from `start` on anew, so that hashes and links fit again: what a forger without the key can do.
fn relinked(lines: &[Vec<u8>], start: usize) -> Vec<u8> {
    let hash_of = |line: &[u8]| String::from_utf8(line[line.len() - 67..line.len() - 3].to_vec()).unwrap();
    let mut out: Vec<Vec<u8>> = lines[..start].to_vec();
    for (index, line) in lines.iter().enumerate().skip(start) {
        let text = String::from_utf8(line.clone()).unwrap();
        let (head, _) = text.rsplit_once(",\"prev\":").unwrap();
        let (_, rest) = head.split_once(',').unwrap();
        let previous = out.last().map_or_else(|| genesis().to_string(), |line| hash_of(line));
        let hashed = format!("{{\"seq\":{},{rest},\"prev\":\"{previous}\"", index + 1);
        let hash = Sm3Hash::of(hashed.as_bytes());
        out.push(format!("{hashed},\"hash\":\"{hash}\"}}\n").into_bytes());
    }
    out.concat()
}

#[test]
fn a_record_has_date_user_type_and_success() {
    let (mut chain, mut out) = (Chain::new(genesis()), Vec::new());
    let account = Actor::Account(AccountId::parse("notary-a").unwrap());
    let source = "2001:db8::1".parse().unwrap();
    chain.append(&account, &AuditEvent::BindRefused { source, cause: RefusedBind::LockedOut }, NOW, &mut out);
    let line = String::from_utf8(out).unwrap();
    let head = "{\"seq\":1,\"time\":\"2026-09-21T22:13:20.000+08:00\",\"type\":\"bind_refused\",\
                \"user\":\"account:notary-a\",\"success\":false,\"source\":\"2001:db8::1\",\"cause\":\"locked_out\",\
                \"prev\":\"";
    assert!(line.starts_with(head), "{line}");
    assert_eq!(line.len(), head.len() + 64 + 10 + 64 + 3);
}

//= ASCS A-7.6-1
//= ASCS A-7.6-2
//= type=test
#[test]
fn every_event_and_actor_is_one_json_line_of_its_type() {
    let (mut chain, mut out) = (Chain::new(genesis()), Vec::new());
    for actor in actors() {
        for event in events() {
            out.clear();
            chain.append(&actor, &event, NOW, &mut out);
            let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(value["type"], event.name());
            assert_eq!(value["success"], event.succeeded());
            assert!(value["user"].is_string() && value["time"].is_string());
            assert!(AuditEvent::TYPES.contains(&event.name()));
            if let Some(authorization) = value.get("authorization") {
                assert_eq!(authorization, "au-\"1\"\\");
            }
        }
    }
    let mut names: Vec<_> = events().iter().map(AuditEvent::name).collect();
    names.push(AuditEvent::CHECKPOINT);
    assert_eq!(names, AuditEvent::TYPES);
}

#[test]
fn staff_stand_with_user_id_and_name() {
    let (mut chain, mut out) = (Chain::new(genesis()), Vec::new());
    let actor = Actor::Operator { uid: 1000, name: ActorName::parse("zhang.wei") };
    chain.append(&actor, &AuditEvent::DrainRequested, NOW, &mut out);
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["user"], "operator:1000:zhang.wei");
    for bad in
        ["", "1", "8613800138000", "a13800138000", "a 1380 013", "a\"", "a:b", "\u{5f20}", &"a".repeat(33)]
    {
        assert_eq!(ActorName::parse(bad), None, "{bad}");
    }
    assert!(ActorName::parse("z123456@noc-1").is_none() && ActorName::parse("z12345@noc-1").is_some());
}

#[test]
fn a_true_chain_verifies_with_and_without_what_is_known() {
    let (file, anchor) = written(50);
    let public = key().public_key();
    let verified = verify(&file[..], &expectation(&public, &anchor)).unwrap();
    let expected = Verified { records: 50, checkpoints: 5, last: Some(anchor.position) };
    assert_eq!(verified, expected);
    assert_eq!(verify(&file[..], &Expectation::default()).unwrap().records, 50);
    assert_eq!(verify(&b""[..], &Expectation::default()).unwrap().last, None);
}

#[test]
fn a_chain_goes_on_over_a_restart_and_over_files() {
    let (mut file, _) = written(20);
    let Tail { line, torn } = last_whole_line(&file);
    assert_eq!(torn, 0);
    let mut chain = Chain::resume(line.unwrap()).unwrap();
    assert!(chain.checkpoint_due(u64::MAX));
    let middle = chain.head();
    let mut second = Vec::new();
    chain.append(&Actor::System, &AuditEvent::Started, NOW, &mut second);
    let after = Expectation { after: Some(middle), ..Expectation::default() };
    assert_eq!(verify(&second[..], &after).unwrap().last, Some(chain.head()));
    let gap = Broken { line: 1, seq: Some(21), kind: BrokenKind::Deleted };
    assert_eq!(verify(&second[..], &Expectation::default()), Err(gap));
    let wrong = Expectation { after: Some(Position { hash: genesis(), ..middle }), ..after };
    assert_eq!(verify(&second[..], &wrong).unwrap_err().kind, BrokenKind::Unlinked);
    file.extend_from_slice(&second);
    assert_eq!(verify(&file[..], &Expectation::default()).unwrap().records, 21);
}

#[test]
fn a_torn_tail_is_found_and_an_altered_last_line_refused() {
    let (file, _) = written(3);
    let lines = lines(&file);
    let mut torn = file.clone();
    torn.extend_from_slice(&lines[0][..40]);
    let whole = &lines[2][..lines[2].len() - 1];
    assert_eq!(last_whole_line(&torn), Tail { line: Some(whole), torn: 40 });
    assert_eq!(last_whole_line(&lines[0][..40]), Tail { line: None, torn: 40 });
    assert_eq!(last_whole_line(b""), Tail { line: None, torn: 0 });
    assert_eq!(Chain::resume(&whole[..50]).unwrap_err(), ResumeError::Malformed);
    let altered = String::from_utf8(whole.to_vec()).unwrap().replace("stopped", "started");
    assert_eq!(Chain::resume(altered.as_bytes()).unwrap_err(), ResumeError::Altered);
    assert_eq!(verify(&torn[..], &Expectation::default()).unwrap_err().kind, BrokenKind::Malformed);
}

#[test]
fn anchors_are_text_and_signed() {
    let (_, anchor) = written(5);
    let text = anchor.to_string();
    assert_eq!(Anchor::parse(&text), Ok(anchor));
    assert_eq!(anchor.verify(&key().public_key()), Ok(()));
    let plain = Anchor { signature: None, ..anchor };
    assert!(plain.to_string().ends_with(" -"));
    assert_eq!(Anchor::parse(&format!("{plain}\n")), Ok(plain));
    for bad in ["", "1", "x", &text.replacen(' ', "", 1), &format!("{text} x"), &text.replace('T', " ")] {
        assert!(Anchor::parse(bad).is_err());
    }
}

/// One way to tamper: the file after it, and the line and kind that must be named.
struct Tampering {
    name: String,
    file: Vec<u8>,
    line: u64,
    kind: BrokenKind,
}

fn edits(good: &[Vec<u8>]) -> Vec<Tampering> {
    let mut all = Vec::new();
    for (at, from, to) in [
        (0, "started", "stopped"),
        (3, "tail_cut", "tail_cu_"),
        (5, "\"success\":false", "\"success\":true"),
        (9, "time\":\"2026", "time\":\"2025"),
        (20, "user\":\"", "user\":\"x"),
        (30, "\"prev\":\"", "\"prev\": \""),
        (40, "{\"seq\"", "{ \"seq\""),
        (49, "\"seq\":50", "\"seq\":51"),
    ] {
        let mut lines = good.to_vec();
        let text = String::from_utf8(lines[at].clone()).unwrap();
        assert!(text.contains(from), "{text}");
        lines[at] = text.replacen(from, to, 1).into_bytes();
        let (file, line) = (lines.concat(), at as u64 + 1);
        all.push(Tampering { name: format!("edit {from}"), file, line, kind: BrokenKind::Edited });
    }
    for (at, octet) in [(2, 0), (7, 20), (12, 70), (33, 20)] {
        let mut lines = good.to_vec();
        lines[at][octet] ^= 0x80;
        let (file, line) = (lines.concat(), at as u64 + 1);
        all.push(Tampering { name: format!("flip {at}"), file, line, kind: BrokenKind::Malformed });
    }
    all
}

fn moves(good: &[Vec<u8>]) -> Vec<Tampering> {
    let mut all = Vec::new();
    let mut push = |name: String, lines: Vec<Vec<u8>>, line: usize, kind| {
        all.push(Tampering { name, file: lines.concat(), line: line as u64 + 1, kind });
    };
    for at in [0, 1, 8, 25, 48] {
        let mut lines = good.to_vec();
        lines.remove(at);
        push(format!("delete {at}"), lines, at, BrokenKind::Deleted);
    }
    for (at, count) in [(0, 10), (10, 20), (30, 19)] {
        let mut lines = good.to_vec();
        lines.drain(at..at + count);
        push(format!("delete {count} from {at}"), lines, at, BrokenKind::Deleted);
    }
    for (one, two) in [(0, 1), (10, 11), (5, 30), (48, 49)] {
        let mut lines = good.to_vec();
        lines.swap(one, two);
        push(format!("swap {one} {two}"), lines, one, BrokenKind::Deleted);
    }
    for (from, to) in [(0, 1), (4, 20), (49, 50)] {
        let mut lines = good.to_vec();
        let copy = lines[from].clone();
        lines.insert(to, copy);
        push(format!("repeat {from} at {to}"), lines, to, BrokenKind::OutOfOrder);
    }
    for (at, foreign) in [(3, "{}\n"), (17, "\n"), (26, "free text\n")] {
        let mut lines = good.to_vec();
        lines.insert(at, foreign.as_bytes().to_vec());
        push(format!("insert {foreign:?}"), lines, at, BrokenKind::Malformed);
    }
    for keep in [0, 1, 9, 30, 49] {
        push(format!("keep {keep}"), good[..keep].to_vec(), keep, BrokenKind::Truncated);
    }
    let mut torn = good.to_vec();
    torn[49].pop();
    push("cut the last octet".to_owned(), torn, 49, BrokenKind::Malformed);
    all
}

/// The forger writes the rest anew so that the bare chain fits. The next checkpoint, or the anchor, tells.
fn forgeries(good: &[Vec<u8>]) -> Vec<Tampering> {
    let checkpoint = |from: usize| (from..50).find(|at| good[*at].windows(10).any(|w| w == b"checkpoint"));
    let mut all = Vec::new();
    let mut push = |name: &str, lines: Vec<Vec<u8>>, start: usize| {
        let (line, kind) = match checkpoint(start) {
            Some(at) => (at, BrokenKind::BadCheckpoint),
            None => (49, BrokenKind::NotAnchored),
        };
        let file = relinked(&lines, start);
        all.push(Tampering { name: format!("{name} {start}"), file, line: line as u64 + 1, kind });
    };
    for at in [0, 3, 20, 46, 49] {
        let mut lines = good.to_vec();
        let text = String::from_utf8(lines[at].clone()).unwrap();
        lines[at] = text.replacen("2026-", "2025-", 1).into_bytes();
        push("forge", lines, at);
    }
    let mut lines = good.to_vec();
    lines[47] = lines[46].clone();
    push("overwrite", lines, 47);
    all
}

//= ASCS A-7.6-3
//= type=test
#[test]
fn every_tampering_is_found_at_its_first_bad_record() {
    let (file, anchor) = written(50);
    let good = lines(&file);
    let public = key().public_key();
    let known = expectation(&public, &anchor);
    let all: Vec<Tampering> = [edits(&good), moves(&good), forgeries(&good)].into_iter().flatten().collect();
    assert!(all.len() >= 40, "{}", all.len());
    for tampering in all {
        let broken = verify(&tampering.file[..], &known).expect_err(&tampering.name);
        assert_eq!((broken.line, broken.kind), (tampering.line, tampering.kind), "{}", tampering.name);
    }
}

#[test]
fn a_deletion_written_anew_is_found_by_the_checkpoint_that_does_not_fit() {
    let (file, anchor) = written(50);
    let public = key().public_key();
    let mut lines = lines(&file);
    lines.remove(3);
    let forged = relinked(&lines, 3);
    assert_eq!(verify(&forged[..], &Expectation::default()).unwrap().records, 49);
    let broken = verify(&forged[..], &expectation(&public, &anchor)).unwrap_err();
    assert_eq!((broken.line, broken.kind), (8, BrokenKind::BadCheckpoint));
    let without: Vec<_> = lines.into_iter().filter(|l| !l.windows(10).any(|w| w == b"checkpoint")).collect();
    let broken = verify(&relinked(&without, 3)[..], &expectation(&public, &anchor)).unwrap_err();
    assert_eq!((broken.line, broken.kind), (9, BrokenKind::NoCheckpoint));
}

#[test]
fn another_installations_chain_does_not_pass_for_this_one() {
    let (file, anchor) = written(10);
    let public = key().public_key();
    let other = Expectation {
        after: Some(Position::genesis(Sm3Hash::of(b"other"))),
        ..expectation(&public, &anchor)
    };
    assert_eq!(verify(&file[..], &other).unwrap_err().kind, BrokenKind::Unlinked);
    let stranger = SecretKey::from_bytes(&[8; 32]).unwrap().public_key();
    assert_eq!(verify(&file[..], &expectation(&stranger, &anchor)).unwrap_err().kind, BrokenKind::BadAnchor);
    let unsigned = Anchor { signature: None, ..anchor };
    let broken = verify(&file[..], &expectation(&public, &unsigned)).unwrap_err();
    assert_eq!(broken.kind, BrokenKind::UnsignedAnchor);
    assert!(broken.to_string().starts_with("the anchor is not signed"), "{broken}");
}

proptest! {
    #[test]
    fn any_changed_octet_is_found(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let (file, anchor) = written(12);
        let public = key().public_key();
        let mut bad = file.clone();
        let at = at.index(bad.len());
        bad[at] ^= flip;
        let line = file[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let broken = verify(&bad[..], &expectation(&public, &anchor)).unwrap_err();
        prop_assert_eq!(broken.line, line);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(bytes.is_empty() || verify(&bytes[..], &Expectation::default()).is_err());
        let _ = Chain::resume(&bytes);
        let _ = last_whole_line(&bytes);
        let _ = Anchor::parse(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_case_is_no_phone_number() {
    for good in ["C-7", "R-2026-17", "a", "ticket_1234567890"] {
        assert_eq!(CaseId::parse(good).unwrap().as_str(), good);
    }
    for bad in
        ["", "13800138000", "8613800138000", "C13800138000", "C-138-0013-8000", "R 1", "1-C", &"c".repeat(33)]
    {
        assert!(CaseId::parse(bad).is_none(), "{bad}");
    }
    for cause in SubjectCause::ALL {
        assert_eq!(SubjectCause::parse(cause.name()), Some(cause));
    }
    assert_eq!(SubjectCause::parse("curiosity"), None);
}
