use std::path::Path;

use super::*;

const MINIMAL: &str = include_str!("../../examples/minimal.toml");

fn load(more: &str) -> Result<Config, String> {
    Config::load(Path::new("veilgate.toml"), &format!("{MINIMAL}{more}")).map_err(|error| error.to_string())
}

/// The first row about a status.
fn about(rows: &[RetryRow], status: u32) -> Option<&RetryRow> {
    rows.iter().find(|row| row.status.iter().any(|numbers| numbers.0.contains(&status)))
}

#[test]
fn the_table_that_comes_along_is_about_every_status_of_the_standards() {
    let rows = toml::from_str::<Shipped>(SHIPPED).unwrap().rows;
    let of_3_4 = (0x01..=0x08)
        .chain([0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x11, 0x13, 0x14, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43])
        .chain([0x44, 0x45, 0x48, 0x49, 0x50, 0x51, 0x53, 0x54, 0x55, 0x58, 0x61, 0x62, 0x63])
        .chain([0x64, 0x65, 0x66, 0x67, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xfe, 0xff]);
    for status in of_3_4.chain(0x100..=0x112) {
        assert!(about(&rows, status).is_some(), "{status:#x}");
    }
    assert!(about(&rows, 0x400).is_none(), "a vendor's own");
    assert_eq!(about(&rows, 0x58).unwrap().class, RetryClass::Throttled);
    let receipts = rows.iter().filter(|row| !row.code.is_empty());
    assert!(receipts.clone().count() >= 4 && receipts.into_iter().all(|row| row.retry == RetryWhere::No));
}

#[test]
fn own_rows_come_before_those_they_extend() {
    let config = load(
        "[[retry_tables]]\nid = \"base\"\nextends = \"none\"\n\
         [[retry_tables.rows]]\nstatus = [\"0x45\"]\nclass = \"temporary\"\nretry = \"same\"\n\
         [[retry_tables]]\nid = \"default\"\nextends = \"base\"\n\
         [[retry_tables.rows]]\ncode = [\"MK:\"]\nclass = \"subscriber\"\nretry = \"no\"\nfinal = \"REJECTD\"\n",
    )
    .unwrap();
    let rows = config.retry_rows(&TableName::default());
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].end, Some(EndState(FinalState::Rejected)));
    assert_eq!(rows[1].retry, RetryWhere::Same);
    let base = TableName::from_text("base").unwrap();
    assert_eq!(config.retry_rows(&base).len(), 1);
    let shipped = TableName::from_text("shipped").unwrap();
    assert!(about(&config.retry_rows(&shipped), 0x58).is_some());
    assert!(about(&load("").unwrap().retry_rows(&TableName::default()), 0x58).is_some());
}

#[test]
fn mistakes_are_named() {
    let row = "[[retry_tables]]\nid = \"t\"\n[[retry_tables.rows]]\nclass = \"temporary\"\nretry = \"any\"\n";
    for (more, line) in [
        (row.to_owned(), "31: retry_tables[0].rows[0]: one of status, error, code and state is needed"),
        (
            format!("{row}status = [\"0x59-0x58\"]\n"),
            "34: retry_tables[0].rows[0].status[0]: expected a number or a range such as \"0x58\" or \"0x400-0x4ff\"",
        ),
        (
            format!("{row}error = [\"70000\"]\n"),
            "34: retry_tables[0].rows[0].error: expected numbers up to 65535",
        ),
        (
            format!("{row}code = [\"19900001\"]\n"),
            "34: retry_tables[0].rows[0].code[0]: expected 1-8 of 0-9 A-Z a-z : _ -, not digits only",
        ),
        (
            format!("{row}code = [\"MK:\"]\ndelays = [\"1s\"]\ndelay_min = \"1s\"\n"),
            "35: retry_tables[0].rows[0].delays: there is delay_min or delay_max too; keep one of the two",
        ),
        (
            format!("{row}code = [\"MK:\"]\ndelay_min = \"1h\"\n"),
            "35: retry_tables[0].rows[0].delay_min: more than delay_max",
        ),
        (
            row.replace("id = \"t\"", "id = \"t\"\nextends = \"t\""),
            "31: retry_tables[0].extends: there is no earlier table \"t\"",
        ),
        ("[[retry_tables]]\nid = \"none\"\n".to_owned(), "30: retry_tables[0].id: this name is taken"),
        ("retry = \"gone\"\n".to_owned(), "29: channels[0].retry: there is no retry table \"gone\""),
    ] {
        assert_eq!(load(&more).unwrap_err(), format!("veilgate.toml:{line}"));
    }
}
