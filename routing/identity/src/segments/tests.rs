use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use sm3::{Digest, Sm3};

use super::*;
use crate::carrier::{BINDINGS, TENURES, as_of, at, edi, entropy, identity, keys};
use crate::keys::KeyRing;
use crate::resolve::Identity;
use crate::subscriber::Msisdn;
use crate::vault::number_hash;

mod ported;

const HEADER: &str = "first,last,province,city,area_code,operator\n";

static SHIPPED: LazyLock<Segments> = LazyLock::new(|| Segments::shipped().unwrap());

fn read(lines: &str) -> Result<Segments, TableError> {
    Segments::read(format!("{HEADER}{lines}").as_bytes())
}

fn named(segments: &Segments, segment: u32) -> Option<String> {
    let (place, names) = (segments.find(segment)?, segments.names());
    Some(format!("{},{},{}", names.province(place), names.city(place), names.operator(place)))
}

fn packed(segments: &Segments) -> Vec<u8> {
    let mut octets = Vec::new();
    segments.write_to(&mut octets).unwrap();
    octets
}

/// The lines of a table, without area codes.
fn lines(segments: &Segments) -> String {
    let mut text = "first,last,province,city,operator\n".to_owned();
    for Run { first, last, home } in segments.runs() {
        let names = segments.names();
        let (province, city, operator) = (names.province(home), names.city(home), names.operator(home));
        writeln!(text, "{first},{last},{province},{city},{operator}").unwrap();
    }
    text
}

/// See `data/README.md` for where the digest comes from.
#[test]
fn the_shipped_table_is_its_source_line_by_line() {
    let text = lines(&SHIPPED);
    let digest: String = Sm3::digest(&text).iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(digest, "7c29b61269d33af0eddfb40fd5b37d2cb2792bc8d58545ec88e35f1f51264628");
    assert_eq!((SHIPPED.len(), text.lines().count()), (499_527, 137_477));
    let looked_up = (FIRST..2_000_000).filter(|segment| SHIPPED.find(*segment).is_some()).count();
    assert_eq!(looked_up, 499_527);
    assert_eq!(named(&SHIPPED, 1_300_000).unwrap(), "山东,济南,联通");
    assert_eq!(named(&SHIPPED, 1_999_979).unwrap(), "新疆,石河子,电信");
    for none in [0, 1_299_999, 1_999_980, 2_000_000, u32::MAX] {
        assert_eq!(SHIPPED.find(none), None);
    }
}

#[test]
fn the_shipped_table_is_what_this_code_packs() {
    assert_eq!(Segments::read_from(packed(&SHIPPED).as_slice()).unwrap().version(), SHIPPED.version());
    let source = lines(&SHIPPED).lines().skip(1).fold(HEADER.to_owned(), |mut csv, line| {
        let (rest, operator) = line.rsplit_once(',').unwrap();
        writeln!(csv, "{rest},,{operator}").unwrap();
        csv
    });
    let again = Segments::read(source.as_bytes()).unwrap();
    assert_eq!(again.version(), SHIPPED.version());
    assert_eq!(again.content(), SHIPPED.content());
}

#[test]
fn the_same_segments_are_the_same_table_in_any_order_and_cut() {
    let one = read("1300000,1300009,四川,成都,028,移动\n1500000,1500000,海南,海口,,联通\n").unwrap();
    let other = read(
        "1500000,1500000,海南,海口,0898,联通\n1300005,1300009,四川,成都,,移动\n1300000,1300004,四川,成都,028,移动\n",
    )
    .unwrap();
    assert_eq!((one.version(), one.len()), (other.version(), 11));
    assert_eq!(packed(&one), packed(&other));
    let third = read("1300000,1300009,四川,成都,028,移动\n1500000,1500001,海南,海口,,联通\n").unwrap();
    assert_ne!(one.version(), third.version());
}

#[test]
fn what_is_wrong_is_named_by_line_and_column() {
    let good = "1300000,1300000,四川,成都,028,移动\n";
    for (line, column, problem) in [
        ("1300001,1300002,四川,成都,028\n", "-", TableProblem::Columns),
        ("1300001,1300002,四川,成都,028,移动,x\n", "-", TableProblem::Columns),
        ("130000,1300002,四川,成都,028,移动\n", "first", TableProblem::Segment),
        ("+300001,1300002,四川,成都,028,移动\n", "first", TableProblem::Segment),
        ("1300001,2000000,四川,成都,028,移动\n", "last", TableProblem::Segment),
        ("1300001,13800138000,四川,成都,028,移动\n", "last", TableProblem::Segment),
        ("1300002,1300001,四川,成都,028,移动\n", "last", TableProblem::Range),
        ("1299999,1300001,四川,成都,028,移动\n", "first", TableProblem::Segment),
        ("1300000,1300001,四川,成都,028,移动\n", "first", TableProblem::Twice),
        ("1300001,1300002,,成都,028,移动\n", "province", TableProblem::Name),
        ("1300001,1300002,四川,\"a\nb\",028,移动\n", "city", TableProblem::Name),
        ("1300001,1300002,四川,成都,x,移动\n", "area_code", TableProblem::AreaCode),
        ("1300001,1300002,四川,成都,028,\n", "operator", TableProblem::Name),
    ] {
        let error = read(&format!("{good}{line}")).unwrap_err();
        assert_eq!(error, TableError { line: 3, column, problem }, "{line}");
    }
    for file in
        ["", "\n", "first,last\n", "1300000,1300000,四川,成都,028,移动\n", "\u{feff}first,last,province"]
    {
        let error = Segments::read(file.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.problem), (1, TableProblem::Header), "{file}");
    }
    let long = format!("{good}{}", "x".repeat(200_000));
    assert_eq!(read(&long).unwrap_err().problem, TableProblem::TooLong);
    assert!(read("").unwrap().is_empty(), "a table may say nothing");
}

#[test]
fn too_many_names_are_refused() {
    let line = |n: u32| format!("{0},{0},p{1},c{0},,o\n", FIRST + n, n % 300);
    let error = read(&(0..300).map(line).collect::<String>()).unwrap_err();
    assert_eq!((error.line, error.problem), (258, TableProblem::TooMany));
    let line = |n: u32| format!("{0},{0},p,c{0},,o\n", FIRST + n);
    let error = read(&(0..70_000).map(line).collect::<String>()).unwrap_err();
    assert_eq!(error.problem, TableProblem::TooMany);
}

#[test]
fn a_file_that_was_changed_is_not_read() {
    let octets =
        packed(&read("1300000,1300009,四川,成都,028,移动\n1500000,1500000,海南,海口,,联通\n").unwrap());
    assert!(Segments::read_from(octets.as_slice()).is_ok());
    for length in 0..octets.len() {
        assert!(Segments::read_from(&octets[..length]).is_err(), "{length}");
    }
    for place in 0..octets.len() {
        let mut changed = octets.clone();
        changed[place] ^= 1;
        // The last octets of a deflated stream are its own check, and some of its bits mean nothing.
        if let Ok(read) = Segments::read_from(changed.as_slice()) {
            assert_eq!(packed(&read), octets);
        }
    }
}

#[test]
fn a_table_is_small() {
    assert!(shipped::TABLE.len() < 200_000, "{}", shipped::TABLE.len());
    let octets = SHIPPED.cells.len() * 2 + SHIPPED.homes.len() * size_of::<Place>();
    assert!(octets < 2_000_000, "{octets}");
}

/// A carrier with one number in each of these segments; `None` where it is not found.
fn home_of(identity: &Identity, number: &str) -> Option<String> {
    let contact = identity.resolve(&[edi(&format!("cuid:{number}"))], as_of("2025-01-01"), at("2025-01-02"));
    let (gazetteer, place) = (identity.gazetteer(), contact.unwrap().place()?);
    let (province, city) = (gazetteer.province(place), gazetteer.city(place));
    Some(format!("{province},{city},{}", gazetteer.operator(place)))
}

fn carrier(numbers: &[&str]) -> Identity {
    let (mut bindings, mut tenures) = (BINDINGS.to_owned(), TENURES.to_owned());
    for number in numbers {
        writeln!(bindings, "cuid,{number},{number},2024-01-01,,1").unwrap();
        writeln!(tenures, "{number},h{number},2024-01-01,,own,active").unwrap();
    }
    identity(&keys(), &bindings, &tenures)
}

const NUMBERS: [&str; 3] = ["13000000000", "19999790001", "1064812345678"];

#[test]
fn a_contact_knows_its_place_once_there_is_a_table() {
    let identity = carrier(&NUMBERS);
    assert!(NUMBERS.iter().all(|number| home_of(&identity, number).is_none()));
    identity.replace_segments(SHIPPED.clone()).unwrap();
    let homes = NUMBERS.map(|number| home_of(&identity, number));
    assert_eq!(homes, [Some("山东,济南,联通".to_owned()), Some("新疆,石河子,电信".to_owned()), None]);
    identity.replace_segments(read("1300000,1300000,海南,海口,,广电\n").unwrap()).unwrap();
    assert_eq!(home_of(&identity, NUMBERS[0]).as_deref(), Some("海南,海口,广电"));
    assert_eq!(home_of(&identity, NUMBERS[1]), None);
}

#[test]
fn names_stay_known_and_keep_their_places() {
    let identity = carrier(&NUMBERS);
    identity.replace_segments(SHIPPED.clone()).unwrap();
    let before = identity.gazetteer();
    let fresh = read("1300000,1300000,Atlantis,Port,,Triton\n").unwrap();
    let version = fresh.version();
    let fresh = identity.prepare_segments(fresh).unwrap();
    // What is stored knows them too, so that a restart does.
    let stored = Segments::read_from(packed(&fresh).as_slice()).unwrap();
    assert_eq!((fresh.version(), stored.version()), (version, version));
    identity.replace_segments(stored).unwrap();
    let after = identity.gazetteer();
    for (province, city) in before.cities() {
        let place = before.find_province(province).unwrap();
        assert_eq!(after.find_province(province), Some(place));
        assert_eq!(after.find_city(place, city), before.find_city(place, city));
    }
    let restarted = carrier(&NUMBERS);
    restarted.replace_segments(Segments::read_from(packed(&fresh).as_slice()).unwrap()).unwrap();
    assert!(restarted.gazetteer().find_province("新疆").is_some());
    assert_eq!(home_of(&restarted, NUMBERS[0]).as_deref(), Some("Atlantis,Port,Triton"));
}

#[test]
fn a_table_whose_names_have_no_room_changes_nothing() {
    let identity = carrier(&NUMBERS);
    let table = |from: u32| {
        let line = |n: u32| format!("{0},{0},p,c,,o{1}\n", FIRST + n, from + n);
        read(&(0..200).map(line).collect::<String>()).unwrap()
    };
    identity.replace_segments(table(0)).unwrap();
    assert_eq!(identity.prepare_segments(table(200)).unwrap_err(), TableProblem::TooMany);
    assert_eq!(identity.replace_segments(table(200)), Err(TableProblem::TooMany));
    assert_eq!(home_of(&identity, NUMBERS[0]).as_deref(), Some("p,c,o0"));
    assert_eq!(identity.segments().version(), table(0).version());
}

#[test]
fn readers_see_one_table_or_the_other() {
    let identity = carrier(&NUMBERS);
    let table = |name: &str| {
        let line = |n: u32| format!("{0},{0},{name}-p,{name}-c{1},,{name}-o\n", FIRST + n, n % 50);
        read(&(0..500).map(line).collect::<String>()).unwrap()
    };
    let tables = [table("a"), table("b")];
    identity.replace_segments(tables[0].clone()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let home = home_of(&identity, NUMBERS[0]).unwrap();
                    assert!(["a-p,a-c0,a-o", "b-p,b-c0,b-o"].contains(&home.as_str()), "{home}");
                }
            });
        }
        for n in 0..200 {
            identity.replace_segments(tables[n % 2].clone()).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn tables_agree_with_a_map_of_segments(
        rows in prop::collection::vec((0_u32..400, 0_u32..30, 0_usize..3, 0_usize..3, 0_usize..2), 0..40)
    ) {
        let mut model = BTreeMap::new();
        let mut text = String::new();
        let mut twice = None;
        for (row, (first, more, province, city, operator)) in rows.into_iter().enumerate() {
            let home = format!("p{province},c{city},o{operator}");
            writeln!(text, "{},{},p{province},c{city},,o{operator}", FIRST + first, FIRST + first + more).unwrap();
            for segment in first..=first + more {
                if model.insert(FIRST + segment, home.clone()).is_some() {
                    twice.get_or_insert(row + 2);
                }
            }
        }
        match read(&text) {
            Err(error) => {
                prop_assert_eq!(error.problem, TableProblem::Twice);
                prop_assert_eq!(Some(error.line), twice.map(|line| u64::try_from(line).unwrap()));
            }
            Ok(segments) => {
                prop_assert_eq!(twice, None);
                let stored = Segments::read_from(packed(&segments).as_slice()).unwrap();
                for segments in [segments, stored] {
                    prop_assert_eq!(segments.len(), model.len());
                    for segment in FIRST..FIRST + 450 {
                        prop_assert_eq!(named(&segments, segment), model.get(&segment).cloned());
                    }
                }
            }
        }
    }
}
