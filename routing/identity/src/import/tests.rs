use super::*;
use crate::carrier::{BINDINGS, TENURES, feed, keys};
use crate::vault::VaultCounts;

const GOOD_TENURE: &str = "19900000001,h1,2023-01-01,,own,active";
const GOOD_BINDING: &str = "cuid,a,19900000001,2024-01-01,,1";

fn refused(bindings: &str, tenures: &str) -> (FeedFile, u64, &'static str, ImportProblem) {
    let error = import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap_err();
    (error.file, error.line, error.column, error.problem)
}

#[test]
fn a_feed_is_counted() {
    let (bindings, tenures) = feed(100);
    let vault = import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap();
    assert_eq!(vault.counts(), VaultCounts { bindings: 200, tenures: 100, numbers: 100 });
    let empty = import(BINDINGS.as_bytes(), TENURES.as_bytes(), &keys()).unwrap();
    assert_eq!(empty.counts(), VaultCounts::default());
}

#[test]
fn spellings_of_csv_are_read() {
    let bindings = "\u{feff}id_type,id,msisdn,from,to,primary\r\n\"IMSI\",460000000000001,+8619900000001,2024-01-01T00:00:00Z,\"\",\r\n\r\n";
    let tenures = format!("{TENURES}{GOOD_TENURE}\n{GOOD_TENURE}");
    let vault = import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap();
    assert_eq!(vault.counts(), VaultCounts { bindings: 1, tenures: 1, numbers: 1 });
}

#[test]
fn bindings_are_checked_field_by_field() {
    use ImportProblem as P;
    for (row, column, problem) in [
        ("mac,a,19900000001,2024-01-01,,1", "id_type", P::DeviceType),
        ("imei,123,19900000001,2024-01-01,,1", "id", P::DeviceId),
        ("cuid,a,1990000,2024-01-01,,1", "msisdn", P::Number),
        ("cuid,a,19900000001,01.02.2024,,1", "from", P::Time),
        ("cuid,a,19900000001,,,1", "from", P::Time),
        ("cuid,a,19900000001,1969-01-01,,1", "from", P::Time),
        ("cuid,a,19900000001,2024-01-01,never,1", "to", P::Time),
        ("cuid,a,19900000001,2024-01-01,2024-01-01,1", "to", P::Interval),
        ("cuid,a,19900000001,2024-01-01,,yes", "primary", P::Word),
        ("cuid,a,19900000001,2024-01-01,", "-", P::Columns),
        ("cuid,a,19900000001,2024-01-01,,1,", "-", P::Columns),
    ] {
        let bindings = format!("{BINDINGS}{GOOD_BINDING}\n{row}\n");
        assert_eq!(refused(&bindings, TENURES), (FeedFile::Bindings, 3, column, problem), "{row}");
    }
}

#[test]
fn tenures_are_checked_field_by_field() {
    use ImportProblem as P;
    for (row, column, problem) in [
        ("x,h1,2023-01-01,,own,active", "msisdn", P::Number),
        ("19900000001,,2023-01-01,,own,active", "holder", P::Holder),
        ("19900000001,h1,2023-01-01,2022-01-01,own,active", "to", P::Interval),
        ("19900000001,h1,2023-01-01,,mine,active", "network", P::Word),
        ("19900000001,h1,2023-01-01,,own,", "status", P::Word),
    ] {
        let tenures = format!("{TENURES}{row}\n");
        assert_eq!(refused(BINDINGS, &tenures), (FeedFile::Tenures, 2, column, problem), "{row}");
    }
}

#[test]
fn numbers_of_either_file_are_one() {
    let bindings = format!(
        "{BINDINGS}cuid,a,19900000009,2024-01-01,,1\n{GOOD_BINDING}\ncuid,b,+8619900000009,2024-01-01,,1\n"
    );
    let tenures = format!("{TENURES}{GOOD_TENURE}\n19900000002,h2,2023-01-01,,own,active\n");
    let vault = import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap();
    assert_eq!(vault.counts(), VaultCounts { bindings: 3, tenures: 2, numbers: 3 });
    let (bindings, tenures, numbers) = vault.rows();
    let of = |number: crate::vault::NumberRef| {
        let row = &numbers[usize::try_from(number.0).unwrap()];
        row.open(&keys()).unwrap().digits().as_bytes().to_vec()
    };
    let mut bound: Vec<_> = bindings.iter().map(|row| of(row.number())).collect();
    bound.sort();
    assert_eq!(bound, [&b"8619900000001"[..], b"8619900000009", b"8619900000009"]);
    let mut held: Vec<_> = tenures.iter().map(|row| of(row.number)).collect();
    held.sort();
    assert_eq!(held, [&b"8619900000001"[..], b"8619900000002"]);
}

#[test]
fn a_bad_tenure_is_told_before_a_bad_binding() {
    let tenures = format!("{TENURES}nonsense\n");
    assert_eq!(refused("nonsense\n", &tenures), (FeedFile::Tenures, 2, "-", ImportProblem::Columns));
}

#[test]
fn headers_are_checked() {
    for header in ["", "\n", "id_type,id,msisdn,from,to\n", GOOD_BINDING, TENURES] {
        assert_eq!(refused(header, TENURES), (FeedFile::Bindings, 1, "-", ImportProblem::Header));
    }
    assert_eq!(refused(BINDINGS, BINDINGS), (FeedFile::Tenures, 1, "-", ImportProblem::Header));
}

#[test]
fn a_stream_is_bounded_and_may_fail() {
    let endless = format!("{BINDINGS}cuid,\"{}", "a".repeat(200_000));
    assert_eq!(refused(&endless, TENURES), (FeedFile::Bindings, 2, "-", ImportProblem::TooLong));
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("19900000001"))
        }
    }
    let error = import(Broken, TENURES.as_bytes(), &keys()).unwrap_err();
    assert_eq!(error.problem, ImportProblem::Read);
    assert!(!format!("{error} {error:?}").contains("1990"));
}

#[test]
fn errors_show_no_input() {
    let bindings = format!("{BINDINGS}cuid,secret,199secret,2024-01-01,,1\n");
    let error = import(bindings.as_bytes(), TENURES.as_bytes(), &keys()).unwrap_err();
    assert_eq!(error.to_string(), "Bindings, line 2, column msisdn: not a number");
}

fn changed(base: &Vault, changes: &str) -> Vault {
    apply_changes(base, changes.as_bytes(), &keys()).unwrap()
}

#[test]
fn changes_are_applied_in_order() {
    let (bindings, tenures) = feed(3);
    let base = import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap();
    let put = "put,cuid,c0,19900000000,2024-01-01,2025-01-01,0\n";
    let del = "del,cuid,c0,19900000000,2024-01-01,2025-01-01,0\n";
    let header = "op,id_type,id,msisdn,from,to,primary\n";
    let same = |one: &Vault, other: &Vault| one.rows().0 == other.rows().0 && one.rows().1 == other.rows().1;
    assert!(same(&changed(&base, &format!("{header}{put}")), &base), "putting what is there");
    let without = changed(&base, &format!("{header}{del}"));
    assert_eq!(without.counts().bindings, 5);
    assert!(same(&changed(&without, &format!("{header}{del}")), &without), "twice is once");
    assert!(same(&changed(&without, &format!("{header}{del}{put}")), &base));
    assert!(same(&changed(&base, &format!("{header}{put}{del}")), &without));
    let behind = "id_type,id,msisdn,from,to,primary,op\ncuid,c0,19900000000,2024-01-01,,0,del\n";
    assert!(same(&changed(&base, behind), &without));
}

#[test]
fn changes_give_what_a_whole_feed_gives() {
    let (bindings, tenures) = feed(50);
    let base = import(BINDINGS.as_bytes(), TENURES.as_bytes(), &keys()).unwrap();
    let ops = |text: &str| {
        let rows =
            text.lines().enumerate().map(|(n, row)| format!("{row},{}\n", if n == 0 { "op" } else { "put" }));
        rows.collect::<String>()
    };
    let grown = changed(&changed(&base, &ops(&tenures)), &ops(&bindings));
    let whole = import(bindings.as_bytes(), tenures.as_bytes(), &keys()).unwrap();
    assert_eq!(grown.rows(), whole.rows());
}

#[test]
fn changes_are_all_or_nothing() {
    let header = "op,id_type,id,msisdn,from,to,primary\n";
    for (changes, problem) in [
        (format!("{header}put,{GOOD_BINDING}\nmove,{GOOD_BINDING}\n"), ImportProblem::Word),
        (format!("{header}put,{GOOD_BINDING}\nput,x\n"), ImportProblem::Columns),
        (BINDINGS.to_owned(), ImportProblem::Header),
    ] {
        let error = apply_changes(&Vault::default(), changes.as_bytes(), &keys()).unwrap_err();
        assert_eq!(error.problem, problem);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    /// No octets panic, and no refusal shows them.
    #[test]
    fn any_octets_are_read_or_refused(noise in proptest::collection::vec(proptest::num::u8::ANY, 0..40), at in 0..200_usize, header in proptest::bool::ANY) {
        let (bindings, _) = feed(3);
        let mut octets = if header { bindings.into_bytes() } else { Vec::new() };
        let at = at.min(octets.len());
        octets.splice(at..at, noise);
        for answer in [import(&octets[..], TENURES.as_bytes(), &keys()), apply_changes(&Vault::default(), &octets[..], &keys())] {
            if let Err(error) = answer {
                proptest::prop_assert!(!error.to_string().contains("199"));
            }
        }
    }
}
