//! The portability table.

use super::*;

const HEADER: &str = "msisdn,operator\n";

fn ported(keys: &KeyRing, lines: &str) -> Result<Portability, TableError> {
    Portability::read(format!("{HEADER}{lines}").as_bytes(), keys)
}

fn operator(table: &Portability, keys: &KeyRing, number: &str) -> Option<String> {
    let number = Msisdn::parse(number.as_bytes()).unwrap();
    let at = table.find(&number_hash(&number, keys.subscriber_key()))?;
    table.names().operators().nth(at).map(str::to_owned)
}

fn packed(table: &Portability, keys: &KeyRing) -> Vec<u8> {
    let mut octets = Vec::new();
    table.write_to(&mut octets, keys).unwrap();
    octets
}

#[test]
fn a_ported_number_has_another_operator_and_stays_at_home() {
    let identity = carrier(&NUMBERS);
    let table = |lines| ported(identity.keys(), lines).unwrap();
    identity.replace_portability(table("13000000000,电信\n")).unwrap();
    assert_eq!(home_of(&identity, NUMBERS[0]), None, "without a segment nobody is at home");
    identity.replace_segments(SHIPPED.clone()).unwrap();
    assert_eq!(home_of(&identity, NUMBERS[0]).as_deref(), Some("山东,济南,电信"));
    assert_eq!(home_of(&identity, NUMBERS[1]).as_deref(), Some("新疆,石河子,电信"));
    identity.replace_portability(table("+8619999790001,某虚拟\n")).unwrap();
    assert_eq!(home_of(&identity, NUMBERS[0]).as_deref(), Some("山东,济南,联通"));
    assert_eq!(home_of(&identity, NUMBERS[1]).as_deref(), Some("新疆,石河子,某虚拟"));
    assert!(identity.gazetteer().find_operator("某虚拟").is_some());
}

#[test]
fn a_table_holds_no_number() {
    let keys = keys();
    let table = ported(&keys, "13000000000,电信\n").unwrap();
    let octets = packed(&table, &keys);
    let packed = Msisdn::parse(b"13000000000").unwrap().packed();
    for form in
        [b"13000000000".to_vec(), packed.to_be_bytes()[2..].to_vec(), packed.to_le_bytes()[..6].to_vec()]
    {
        assert!(!octets.windows(form.len()).any(|window| window == form));
    }
    assert!(!format!("{table:?}").contains("1300"));
}

#[test]
fn what_is_wrong_is_named_by_line_and_column() {
    let keys = keys();
    for (line, column, problem) in [
        ("13000000001\n", "-", TableProblem::Columns),
        ("1300000000,电信\n", "msisdn", TableProblem::Number),
        ("1064812345678,电信\n", "msisdn", TableProblem::Number),
        ("+14155552671,电信\n", "msisdn", TableProblem::Number),
        ("13000000001,\n", "operator", TableProblem::Name),
        ("+8613000000000,联通\n", "operator", TableProblem::Conflict),
    ] {
        let error = ported(&keys, &format!("13000000000,电信\n{line}")).unwrap_err();
        assert_eq!(error, TableError { line: 3, column, problem }, "{line}");
        assert!(!error.to_string().contains("1300"), "{error}");
    }
    let error = Portability::read(&b"number,operator\n"[..], &keys).unwrap_err();
    assert_eq!((error.line, error.problem), (1, TableProblem::Header));
    assert!(ported(&keys, "").unwrap().is_empty());
    assert_eq!(
        ported(&keys, "13000000000,电信\n013000000000,电信\n").unwrap().len(),
        1,
        "the same twice is once"
    );
}

#[test]
fn a_file_that_was_changed_or_is_of_other_keys_is_not_read() {
    let keys = keys();
    let octets = packed(&ported(&keys, "13000000000,电信\n13000000001,联通\n").unwrap(), &keys);
    let read = |octets: &[u8]| Portability::read_from(octets, &keys);
    assert_eq!(operator(&read(&octets).unwrap(), &keys, "13000000001").as_deref(), Some("联通"));
    for place in 0..octets.len() {
        let mut changed = octets.clone();
        changed[place] ^= 0x80;
        assert!(read(&changed).is_err(), "{place}");
        assert!(read(&octets[..place]).is_err(), "{place}");
    }
    assert!(read(&[octets.clone(), vec![0]].concat()).is_err());
    let others = KeyRing::generate(&[7; 16], &mut entropy(9)).unwrap();
    let refused = Portability::read_from(octets.as_slice(), &others);
    assert!(matches!(refused, Err(StoredTableError::WrongKeys)));
}

#[test]
fn names_stay_known() {
    let identity = carrier(&[]);
    let keys = Arc::clone(identity.keys());
    identity.replace_portability(ported(&keys, "13000000000,甲\n").unwrap()).unwrap();
    let fresh = identity.prepare_portability(ported(&keys, "13000000000,乙\n").unwrap()).unwrap();
    let stored = Portability::read_from(packed(&fresh, &keys).as_slice(), &keys).unwrap();
    assert_eq!(stored.version(), ported(&keys, "13000000000,乙\n").unwrap().version());
    let restarted = carrier(&[]);
    restarted.replace_portability(stored).unwrap();
    assert!(["甲", "乙"].iter().all(|name| restarted.gazetteer().find_operator(name).is_some()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn tables_agree_with_a_map_of_numbers(rows in prop::collection::btree_map(0_u32..600, 0_usize..4, 0..300)) {
        let keys = keys();
        let number = |n: &u32| format!("1300000{n:04}");
        let line = |(n, operator): (&u32, &usize)| format!("{},o{operator}\n", number(n));
        let table = ported(&keys, &rows.iter().map(line).collect::<String>()).unwrap();
        let backwards = ported(&keys, &rows.iter().rev().map(line).collect::<String>()).unwrap();
        prop_assert_eq!(table.version(), backwards.version());
        let stored = Portability::read_from(packed(&table, &keys).as_slice(), &keys).unwrap();
        prop_assert_eq!(stored.version(), table.version());
        for table in [table, stored] {
            prop_assert_eq!(table.len(), rows.len());
            for n in 0..600 {
                let expected = rows.get(&n).map(|operator| format!("o{operator}"));
                prop_assert_eq!(operator(&table, &keys, &number(&n)), expected);
            }
        }
    }
}
