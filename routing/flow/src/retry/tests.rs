use super::*;

fn code(text: &str) -> VendorCode {
    VendorCode::parse(text.as_bytes()).unwrap()
}

fn row(matches: Vec<Match>, class: Class, retry: Retry) -> Row {
    let delays = Delays::List(vec![Duration::from_secs(1), Duration::from_secs(5)]);
    Row { matches, class, retry, delays, attempts: 3, billable: None, end: None }
}

fn receipt(state: FinalState, error: u16, text: &str) -> Fault {
    Fault::Receipt { state, error, code: VendorCode::parse(text.as_bytes()) }
}

#[test]
fn the_first_row_that_fits_decides() {
    let table = RetryTable::new(vec![
        row(vec![Match::Code(code("MK:0005"))], Class::Subscriber, Retry::No),
        row(vec![Match::Code(code("MK:")), Match::Error(100..=199)], Class::Temporary, Retry::Other),
        row(vec![Match::Status(0x400..=0x4ff)], Class::Route, Retry::Other),
        row(vec![Match::State(FinalState::Undeliverable)], Class::Temporary, Retry::Same),
    ]);
    let decided = |fault| table.decide(&fault).0;
    assert_eq!(decided(receipt(FinalState::Undeliverable, 0, "MK:0005")), 1);
    assert_eq!(decided(receipt(FinalState::Undeliverable, 0, "mk:0010")), 2);
    assert_eq!(decided(receipt(FinalState::Rejected, 150, "")), 2);
    assert_eq!(decided(Fault::Status(0x4ff)), 3);
    assert_eq!(decided(receipt(FinalState::Undeliverable, 7, "")), 4);
    assert_eq!(decided(receipt(FinalState::Expired, 7, "MI:0001")), 0);
    assert_eq!(decided(Fault::Status(150)), 0, "an error number is no status");
    assert_eq!(table.decide(&Fault::Status(1)).1.retry, Retry::No, "what nobody named is not tried again");
}

#[test]
fn pauses_are_listed_or_double() {
    let listed = row(Vec::new(), Class::Temporary, Retry::Any);
    assert_eq!([1, 2, 3, 255].map(|attempts| listed.pause(attempts).as_secs()), [1, 5, 5, 5]);
    let delays = Delays::Doubling(Duration::from_secs(1), Duration::from_secs(10));
    let doubling = Row { delays, ..listed.clone() };
    assert_eq!([0, 1, 2, 5, 255].map(|attempts| doubling.pause(attempts).as_secs()), [1, 1, 2, 10, 10]);
    assert_eq!(Row { delays: Delays::List(Vec::new()), ..listed }.pause(1), Duration::ZERO);
}

#[test]
fn a_vendor_code_cannot_hold_a_number() {
    for text in ["MK:0001", "BLACK", "-9000", "ID:0076", "sgip:12", "2:12", "x"] {
        let parsed = VendorCode::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.as_bytes(), text.to_uppercase().as_bytes());
        assert_eq!(format!("{parsed:?}"), format!("VendorCode({})", text.len()));
    }
    for text in ["", "000", "19900001", "19900001234", "MK:000012", "MK 0001", "黑名单"] {
        assert!(VendorCode::parse(text.as_bytes()).is_none(), "{text}");
    }
}
