use std::collections::BTreeMap;

use proptest::prelude::*;
use veilgate_names::{ObjectId, Timestamp};

use super::*;
use crate::objects::Object;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

/// A tenant that is told apart by its rate.
fn tenant(id: &ObjectId, rate: u32) -> Object {
    let json = format!(r#"{{"level":"agent","parent":"carrier","rate_per_second":{rate}}}"#);
    Object::parse(Kind::Tenant, id, json.as_bytes()).unwrap()
}

fn put(name: &str, rate: u32, expected: Expected) -> Change {
    let id = id(name);
    Change { kind: Kind::Tenant, object: Some(tenant(&id, rate)), id, expected }
}

fn removal(name: &str) -> Change {
    Change { kind: Kind::Tenant, id: id(name), object: None, expected: Expected::Anything }
}

/// A store of one space.
#[derive(Default, Clone)]
struct Disk(BTreeMap<Vec<u8>, Vec<u8>>);

impl Disk {
    fn write(&mut self, stage: &[Write]) {
        for Write { key, value } in stage {
            assert!((1..=80).contains(&key.len()));
            match value {
                Some(value) => {
                    assert!(value.len() <= 1 << 20);
                    self.0.insert(key.clone(), value.clone());
                }
                None => {
                    self.0.remove(key);
                }
            }
        }
    }

    fn load(&self) -> Result<(Catalogue, Vec<Write>), LoadError> {
        let mut loader = Loader::default();
        for (key, value) in &self.0 {
            loader.add(key, value)?;
        }
        loader.finish()
    }
}

fn same(a: &Catalogue, b: &Catalogue) -> bool {
    a.head == b.head
        && Kind::ALL.iter().all(|kind| {
            let of = |catalogue: &Catalogue| -> Vec<_> {
                let table = catalogue.entries.get(kind).cloned().unwrap_or_default();
                table
                    .iter()
                    .map(|(id, entry)| (id.clone(), (**entry).clone(), catalogue.objects.find(*kind, id)))
                    .collect()
            };
            of(a) == of(b)
        })
}

#[test]
fn a_change_makes_a_version_with_author_time_and_digest() {
    let empty = Catalogue::default();
    let plan = empty.plan(vec![put("a", 1, Expected::Nothing)], "zhang", NOW).unwrap();
    let entry = plan.catalogue.entry(Kind::Tenant, &id("a")).unwrap();
    let json = tenant(&id("a"), 1).to_json();
    let revision = Revision { version: 1, at: NOW, by: "zhang".to_owned(), digest: Some(Digest::of(&json)) };
    assert_eq!(entry.history(), [revision]);
    assert_eq!((plan.catalogue.number(), plan.catalogue.len(), empty.number()), (1, 1, 0));
    let again = plan.catalogue.plan(vec![put("a", 2, Expected::Version(1))], "li", NOW).unwrap();
    let [difference] = &again.differences[..] else { panic!() };
    assert_eq!(difference.effect, Effect::Changed(vec!["rate_per_second".to_owned()]));
    assert_eq!((difference.version, difference.before), (2, Some(Digest::of(&json))));
    let gone = again.catalogue.plan(vec![removal("a")], "li", NOW).unwrap();
    assert!(gone.catalogue.is_empty() && gone.catalogue.find(Kind::Tenant, &id("a")).is_none());
    assert_eq!((gone.differences[0].version, gone.differences[0].after), (3, None));
    let back = gone.catalogue.plan(vec![put("a", 1, Expected::Nothing)], "li", NOW).unwrap();
    assert_eq!(back.differences[0].version, 4, "versions go on over a removal");
    assert_eq!(back.differences[0].effect, Effect::Added);
}

#[test]
fn what_is_expected_decides() {
    let base = Catalogue::default().plan(vec![put("a", 1, Expected::Anything)], "x", NOW).unwrap().catalogue;
    let refused = |change: Change| base.plan(vec![change], "x", NOW).err();
    let conflict = |name: &str, found| Some(Refused::Conflict { kind: Kind::Tenant, id: id(name), found });
    assert_eq!(refused(put("a", 2, Expected::Nothing)), conflict("a", Some(1)));
    assert_eq!(refused(put("a", 2, Expected::Version(2))), conflict("a", Some(1)));
    assert_eq!(refused(put("b", 2, Expected::Version(1))), conflict("b", None));
    assert_eq!(refused(put("b", 2, Expected::Something)), conflict("b", None));
    assert_eq!(refused(put("a", 2, Expected::Something)), None);
    assert_eq!(refused(put("b", 2, Expected::Nothing)), None);
    assert_eq!(refused(removal("b")), Some(Refused::Unknown { kind: Kind::Tenant, id: id("b") }));
    let twice = base.plan(vec![put("c", 1, Expected::Anything), removal("c")], "x", NOW);
    assert_eq!(twice.err(), Some(Refused::Twice { kind: Kind::Tenant, id: id("c") }));
}

#[test]
fn what_is_the_same_is_no_change() {
    let base = Catalogue::default().plan(vec![put("a", 1, Expected::Anything)], "x", NOW).unwrap().catalogue;
    let plan = base.plan(vec![put("a", 1, Expected::Version(1))], "y", NOW).unwrap();
    assert!(plan.differences.is_empty() && plan.stages.is_empty());
    assert_eq!((plan.unchanged, plan.catalogue.number()), (1, 1));
    assert!(plan.catalogue.objects().tenants.is_same(&base.objects().tenants), "what was compiled is kept");
}

#[test]
fn replacing_takes_away_what_is_not_named() {
    let all = ["a", "b", "c"].map(|name| put(name, 1, Expected::Anything)).to_vec();
    let base = Catalogue::default().plan(all, "x", NOW).unwrap().catalogue;
    let changes = base
        .replacing(&[Kind::Tenant], vec![put("b", 2, Expected::Anything), put("d", 1, Expected::Anything)]);
    let plan = base.plan(changes, "x", NOW).unwrap();
    let left: Vec<String> =
        plan.catalogue.present(Kind::Tenant, None).map(|(id, _)| id.to_string()).collect();
    assert_eq!(left, ["b", "d"]);
    let other = base.replacing(&[Kind::Window], Vec::new());
    assert!(base.plan(other, "x", NOW).unwrap().differences.is_empty(), "other kinds stay");
}

/// A set so large that it takes several batches.
fn large(rate: u32) -> Vec<Change> {
    (0..9000)
        .map(|n| put(&format!("tenant-with-a-rather-long-name-{n:05}"), rate, Expected::Anything))
        .collect()
}

#[test]
fn a_change_of_many_batches_is_there_whole_or_not_at_all() {
    let mut disk = Disk::default();
    let mut before = Catalogue::default();
    for rate in 1..=2 {
        let plan = before.plan(large(rate), "x", NOW).unwrap();
        assert!(plan.stages.len() > 2 && plan.decisive > 0, "{}", plan.stages.len());
        for (at, stage) in plan.stages.iter().enumerate() {
            disk.write(stage);
            let (loaded, left) = disk.load().unwrap();
            let expected = if at >= plan.decisive { &plan.catalogue } else { &before };
            assert!(same(&loaded, expected), "after batch {at}");
            let mut tidied = disk.clone();
            tidied.write(&left);
            let (loaded, left) = tidied.load().unwrap();
            assert!(same(&loaded, expected) && left.is_empty(), "tidied after batch {at}");
        }
        before = plan.catalogue;
    }
}

#[test]
fn a_change_that_fails_is_undone_and_another_takes_its_number() {
    let (mut disk, before) = (Disk::default(), Catalogue::default());
    let failed = before.plan(large(1), "x", NOW).unwrap();
    failed.stages.iter().take(2).for_each(|stage| disk.write(stage));
    disk.write(&failed.undo(2));
    let other = before.plan(vec![put("a", 1, Expected::Nothing)], "x", NOW).unwrap();
    assert_eq!(other.catalogue.number(), failed.catalogue.number());
    other.stages.iter().for_each(|stage| disk.write(stage));
    let (loaded, left) = disk.load().unwrap();
    assert!(same(&loaded, &other.catalogue) && left.is_empty());
}

#[test]
fn lost_and_damaged_records_are_missed() {
    let base = Catalogue::default();
    let plan =
        base.plan(vec![put("a", 1, Expected::Anything), put("b", 1, Expected::Anything)], "x", NOW).unwrap();
    let mut disk = Disk::default();
    plan.stages.iter().for_each(|stage| disk.write(stage));
    for key in disk.0.keys() {
        let mut less = disk.clone();
        less.0.remove(key);
        let expected = if key == record::HEAD {
            LoadError::Head
        } else {
            LoadError::Incomplete { expected: 2, found: 1 }
        };
        assert_eq!(less.load().err(), Some(expected));
        for at in 0..disk.0[key].len() {
            let mut damaged = disk.clone();
            damaged.0.get_mut(key).unwrap()[at] ^= 0x10;
            if let Ok((loaded, _)) = damaged.load() {
                assert_eq!(loaded.objects().tenants, plan.catalogue.objects().tenants, "octet {at}");
            }
        }
    }
    let mut cut = disk.clone();
    cut.0
        .values_mut()
        .filter(|value| value.starts_with(b"{\"history\""))
        .for_each(|value| value.truncate(150));
    assert_eq!(cut.load().err(), Some(LoadError::Damaged { kind: Kind::Tenant, id: id("a") }));
    let mut foreign = Loader::default();
    assert_eq!(foreign.add(b"\x01\xffx", b""), Err(LoadError::Key));
}

#[test]
fn an_object_that_is_none_any_more_is_named() {
    let plan = Catalogue::default().plan(vec![put("a", 1, Expected::Anything)], "x", NOW).unwrap();
    let revision = Revision {
        digest: Some(Digest::of(b"{\"colour\":1}")),
        ..plan.catalogue.entry(Kind::Tenant, &id("a")).unwrap().history[0].clone()
    };
    let (entry, writes) = record::write(Kind::Tenant, &id("a"), 1, vec![revision], b"{\"colour\":1}");
    let mut head = Head { number: 1, ..Head::default() };
    head.add(Kind::Tenant, &id("a"), &entry);
    let mut disk = Disk::default();
    disk.write(&writes);
    disk.write(&[head.write()]);
    let Err(LoadError::Invalid(mistake)) = disk.load() else { panic!("{:?}", disk.load()) };
    assert_eq!((mistake.kind, mistake.id, mistake.field.as_str()), (Kind::Tenant, Some(id("a")), "colour"));
}

#[test]
fn a_long_object_is_cut_and_put_together() {
    let json = vec![b'7'; 3 * record::PART_OCTETS + 5];
    let revision = Revision { version: 1, at: NOW, by: "x".to_owned(), digest: Some(Digest::of(&json)) };
    let (entry, writes) = record::write(Kind::WordList, &id("w"), 9, vec![revision.clone()], &json);
    assert_eq!((entry.parts, writes.len()), (4, 4));
    let whole: Vec<u8> = writes.iter().flat_map(|write| write.value.clone().unwrap()).collect();
    assert_eq!(record::read(&whole), Some((vec![revision], json.as_slice())));
}

#[test]
fn the_oldest_of_those_taken_away_are_forgotten() {
    let mut catalogue = Catalogue::default();
    let mut disk = Disk::default();
    let names: Vec<String> = (0..MAX_REMOVED + 3).map(|n| format!("t{n:05}")).collect();
    for changes in [
        names.iter().map(|name| put(name, 1, Expected::Anything)).collect::<Vec<_>>(),
        names.iter().take(5).map(|name| removal(name)).collect(),
        names.iter().skip(5).map(|name| removal(name)).collect(),
        vec![put("new", 1, Expected::Anything)],
    ] {
        let plan = catalogue.plan(changes, "x", NOW).unwrap();
        plan.stages.iter().for_each(|stage| disk.write(stage));
        catalogue = plan.catalogue;
    }
    assert!(catalogue.entry(Kind::Tenant, &id("t00000")).is_none());
    assert!(catalogue.entry(Kind::Tenant, &id("t00009")).is_some());
    assert_eq!(catalogue.head.removed, u64::try_from(MAX_REMOVED).unwrap());
    assert!(same(&disk.load().unwrap().0, &catalogue));
}

#[test]
fn the_history_is_bounded() {
    let mut catalogue = Catalogue::default();
    for rate in 1..=40 {
        catalogue = catalogue.plan(vec![put("a", rate, Expected::Anything)], "x", NOW).unwrap().catalogue;
    }
    let entry = catalogue.entry(Kind::Tenant, &id("a")).unwrap();
    assert_eq!((entry.history().len(), entry.version(), entry.history()[0].version), (HISTORY, 40, 9));
}

#[test]
fn files_are_read_and_all_their_mistakes_are_told() {
    let good = r#"{"kind":"tenants","id":"a","object":{"level":"agent","parent":"carrier"}}"#;
    let import =
        Import::json_lines(format!("\u{feff}{good}\r\n\n{}", good.replace("\"a\"", "\"b\"")).as_bytes())
            .unwrap();
    assert_eq!(import.changes.len(), 2);
    assert_eq!((import.line(Kind::Tenant, &id("b")), import.line(Kind::Tenant, &id("c"))), (3, 0));
    let bad = [
        good.to_owned(),
        good.replace("tenants", "colours"),
        good.replace("\"a\"", "\"13800138000\""),
        good.replace("agent", "secret-word"),
        good.replace("\"level\"", "\"color\":1,\"level\""),
        good.to_owned(),
        good.chars().take(20).collect(),
        good.replace("\"object\"", "\"extra\":1,\"object\""),
    ];
    let mistakes = Import::json_lines(bad.join("\n").as_bytes()).unwrap_err();
    let told: Vec<(u64, &str)> =
        mistakes.iter().map(|mistake| (mistake.line, mistake.field.as_str())).collect();
    assert_eq!(told, [(2, "kind"), (3, "id"), (4, "level"), (5, "color"), (6, ""), (7, ""), (8, "")]);
    assert!(mistakes.iter().all(|mistake| !mistake.problem.contains("secret-word")), "{mistakes:?}");
    assert!(mistakes.iter().all(|mistake| !mistake.problem.contains("138")), "{mistakes:?}");
    let many = "{\n".repeat(MAX_MISTAKES + 50);
    assert_eq!(Import::json_lines(many.as_bytes()).unwrap_err().len(), MAX_MISTAKES);
}

#[test]
fn csv_files_are_read_by_the_schema_of_their_kind() {
    let file = "id,level,parent,rate_per_second,services\na,agent,carrier,100,\n\"b\",enterprise,carrier,,sms; voice\n";
    let import = Import::csv(Kind::Tenant, file.as_bytes()).unwrap();
    assert_eq!(import.changes.len(), 2);
    assert_eq!(import.changes[0].object, Some(tenant(&id("a"), 100)));
    assert_eq!(import.line(Kind::Tenant, &id("b")), 3);
    let Some(Object::Tenant(second)) = &import.changes[1].object else { panic!() };
    assert!(second.services.is_some() && second.rate_per_second.is_none());
}

#[test]
fn wrong_csv_files_are_named_by_line_and_column() {
    let of = |file: &str| {
        let mistakes = Import::csv(Kind::Tenant, file.as_bytes()).unwrap_err();
        mistakes.into_iter().map(|mistake| (mistake.line, mistake.field)).collect::<Vec<_>>()
    };
    let one = |line: u64, field: &str| vec![(line, field.to_owned())];
    assert_eq!(of("id,level,colour\n"), one(1, "colour"));
    assert_eq!(of("level,parent\nagent,carrier\n"), one(1, "id"));
    assert_eq!(of("id,level,level\n"), one(1, "level"));
    assert_eq!(of("id,level,parent,payment\n"), one(1, "payment"));
    assert_eq!(of("id,level,parent\na,agent\n"), one(2, ""));
    let two = "id,level,parent,rate_per_second\na,agent,carrier,many\nb,duke,carrier,1\na,agent,carrier,1\n";
    assert_eq!(of(two), [(2, "rate_per_second".to_owned()), (3, "level".to_owned())]);
    assert_eq!(of("id,level,parent\na,agent,carrier\na,agent,carrier\n"), one(3, ""));
    let broken = Import::csv(Kind::Tenant, b"id,level,parent\na,\xff,carrier\n").unwrap_err();
    assert_eq!(broken[0].line, 2);
}

#[test]
fn versions_in_a_file_are_expected() {
    let line = r#"{"kind":"tenants","id":"a","version":0,"object":{"level":"agent","parent":"carrier"}}"#;
    let of = |line: &str| Import::json_lines(line.as_bytes()).unwrap().changes[0].expected;
    assert_eq!(of(line), Expected::Nothing);
    assert_eq!(of(&line.replace(":0", ":7")), Expected::Version(7));
}

proptest! {
    /// What lies on disk after any changes, each cut off anywhere, is what was decided last.
    #[test]
    fn any_changes_come_back(steps in prop::collection::vec((prop::collection::vec((0..6_u8, 0..4_u32), 1..5), any::<bool>()), 1..20)) {
        let (mut catalogue, mut disk) = (Catalogue::default(), Disk::default());
        for (changes, is_cut) in steps {
            let mut named = std::collections::BTreeSet::new();
            let changes: Vec<Change> = changes
                .into_iter()
                .filter(|(name, _)| named.insert(*name))
                .map(|(name, rate)| match rate {
                    0 => removal(&format!("t{name}")),
                    rate => put(&format!("t{name}"), rate, Expected::Anything),
                })
                .collect();
            let Ok(plan) = catalogue.plan(changes, "x", NOW) else { continue };
            let stages = if is_cut { plan.decisive } else { plan.stages.len() };
            plan.stages.iter().take(stages).for_each(|stage| disk.write(stage));
            if !is_cut {
                catalogue = plan.catalogue;
            }
            let (loaded, left) = disk.load().unwrap();
            prop_assert!(same(&loaded, &catalogue));
            disk.write(&left);
        }
    }

    /// No file and no record makes the parsers panic.
    #[test]
    fn parsers_take_anything(octets in prop::collection::vec(any::<u8>(), 0..200), kind in any::<prop::sample::Index>()) {
        let _ = Import::json_lines(&octets);
        let _ = Import::csv(*kind.get(Kind::ALL), &octets);
        let _ = record::PartKey::parse(&octets);
        let _ = record::read(&octets);
        let _ = Object::parse(*kind.get(Kind::ALL), &id("x"), &octets);
    }

    /// Keys round-trip.
    #[test]
    fn keys_come_back(name in "[0-9A-Za-z_.-]{1,64}", number: u64, part in 0..9_u16, kind in any::<prop::sample::Index>()) {
        let Ok(id) = ObjectId::parse(&name) else { return Ok(()) };
        let key = record::PartKey { kind: *kind.get(Kind::ALL), id, number, part, parts: 9 };
        prop_assert!(key.octets().len() <= 80);
        prop_assert_eq!(record::PartKey::parse(&key.octets()), Some(key));
    }
}
