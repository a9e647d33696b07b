//! Compares what a load run was told with what the SMSC saw: was anything acknowledged and lost, or sent twice?

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Serialize;

/// The state of a receipt whose message may or may not have reached the SMSC.
const UNKNOWN: &str = "UNKNOWN";

/// What came of the messages of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Messages acknowledged to the load generator.
    pub acknowledged: u64,
    /// Messages whose outcome the load generator does not know.
    pub unknown: u64,
    /// Messages the SMSC accepted, each counted once.
    pub arrived: u64,
    /// Acknowledged and never at the SMSC, and no receipt says that the outcome is unknown.
    pub lost: u64,
    /// Acknowledged and never at the SMSC, with a receipt UNKNOWN: the submit was under way when the gateway ended,
    /// so it must not be sent again.
    pub unknown_outcomes: u64,
    /// More than once at the SMSC.
    pub duplicated: u64,
    /// At the SMSC though not acknowledged.
    pub unacknowledged_arrived: u64,
    /// Acknowledged ids with a receipt.
    pub receipted: u64,
    /// Acknowledged ids without one.
    pub receipts_missing: u64,
    /// Ids with more than one.
    pub receipts_duplicated: u64,
    /// Receipts of ids that were never acknowledged.
    pub receipts_unknown: u64,
    /// Numbers of the first lost messages.
    pub first_lost: Vec<u64>,
    /// Numbers of the first duplicated ones.
    pub first_duplicated: Vec<u64>,
}

#[derive(Default, Clone, Copy)]
struct Fate {
    acknowledged: bool,
    unknown: bool,
    outcome_unknown: bool,
    arrivals: u32,
}

#[derive(Default, Clone, Copy)]
struct Told {
    number: Option<u64>,
    receipts: u32,
    unknown: bool,
}

/// Reads an ack log of `load` and any number of logs of `sink` or `smsc`. A last line cut short is passed over.
///
/// # Errors
/// A file cannot be read.
pub fn reconcile(acks: &Path, arrivals: &[impl AsRef<Path>]) -> io::Result<Reconciliation> {
    let mut fates: HashMap<u64, Fate> = HashMap::new();
    let mut told: HashMap<String, Told> = HashMap::new();
    for line in BufReader::new(File::open(acks)?).lines() {
        read_ack(&line?, &mut fates, &mut told);
    }
    for path in arrivals {
        for line in BufReader::new(File::open(path)?).lines() {
            if let Some(number) = arrival(&line?) {
                let fate = fates.entry(number).or_default();
                fate.arrivals = fate.arrivals.saturating_add(1);
            }
        }
    }
    for told in told.values().filter(|told| told.unknown) {
        // The receipt may stand before the acknowledgement, so the two are joined at the end.
        if let Some(fate) = told.number.and_then(|number| fates.get_mut(&number)) {
            fate.outcome_unknown = true;
        }
    }
    Ok(sum(&fates, &told))
}

impl Reconciliation {
    /// Nothing lost, nothing twice? An unknown outcome that was told as such is neither.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0
    }
}

fn read_ack(line: &str, fates: &mut HashMap<u64, Fate>, told: &mut HashMap<String, Told>) {
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some("A"), Some(number), Some(id)) if !id.is_empty() => {
            let Ok(number) = number.parse() else { return };
            fates.entry(number).or_default().acknowledged = true;
            told.entry(id.to_owned()).or_default().number = Some(number);
        }
        (Some("U"), Some(number), _) => {
            let Ok(number) = number.parse() else { return };
            fates.entry(number).or_default().unknown = true;
        }
        (Some("R"), Some(id), Some(state)) => {
            let told = told.entry(id.to_owned()).or_default();
            told.unknown |= state == UNKNOWN;
            told.receipts = told.receipts.saturating_add(1);
        }
        _ => {}
    }
}

/// The message number in a line of a sink's log, or of an SMSC's where the message was accepted.
fn arrival(line: &str) -> Option<u64> {
    if !line.starts_with('{') {
        return line.split(' ').nth(2)?.parse().ok();
    }
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    if event.get("event")?.as_str()? != "submit" || event.get("status")?.as_u64()? != 0 {
        return None;
    }
    let (_, after) = event.get("text")?.as_str()?.split_once('#')?;
    after.get(..12)?.parse().ok()
}

fn sum(fates: &HashMap<u64, Fate>, told: &HashMap<String, Told>) -> Reconciliation {
    let mut all = Reconciliation::default();
    for (number, fate) in fates {
        all.acknowledged += u64::from(fate.acknowledged);
        all.unknown += u64::from(fate.unknown);
        all.arrived += u64::from(fate.arrivals > 0);
        all.unacknowledged_arrived += u64::from(fate.arrivals > 0 && !fate.acknowledged);
        match (fate.acknowledged && fate.arrivals == 0, fate.outcome_unknown) {
            (true, true) => all.unknown_outcomes += 1,
            (true, false) => {
                all.lost += 1;
                all.first_lost.push(*number);
            }
            (false, _) => {}
        }
        if fate.arrivals > 1 {
            all.duplicated += 1;
            all.first_duplicated.push(*number);
        }
    }
    for told in told.values() {
        all.receipted += u64::from(told.number.is_some() && told.receipts > 0);
        all.receipts_missing += u64::from(told.number.is_some() && told.receipts == 0);
        all.receipts_duplicated += u64::from(told.receipts > 1);
        all.receipts_unknown += u64::from(told.number.is_none());
    }
    for list in [&mut all.first_lost, &mut all.first_duplicated] {
        list.sort_unstable();
        list.truncate(10);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_duplicates_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let acks = write(
            "acks",
            "R e UNKNOWN\nA 1 a\nA 2 b\nU 3 \nA 4 c\nR a DELIVRD\nR b DELIVRD\nR b DELIVRD\nR x DELIVRD\nA 6 e\nA 5",
        );
        let sink = write(
            "sink",
            "86199 f0 000000000001\n86199 f1 000000000002\n86199 f2 000000000002\n86199 f3 -\n",
        );
        let smsc = write(
            "smsc",
            "{\"event\":\"submit\",\"status\":0,\"text\":\"[V]#000000000003 fox\"}\n{\"event\":\"submit\",\"status\":88,\"text\":\"#000000000004\"}\n",
        );
        let found = reconcile(&acks, &[sink, smsc]).unwrap();
        let expected = Reconciliation {
            acknowledged: 4,
            unknown: 1,
            arrived: 3,
            lost: 1,
            unknown_outcomes: 1,
            duplicated: 1,
            unacknowledged_arrived: 1,
            receipted: 3,
            receipts_missing: 1,
            receipts_duplicated: 1,
            receipts_unknown: 1,
            first_lost: vec![4],
            first_duplicated: vec![2],
        };
        assert_eq!(found, expected);
        assert!(!found.is_clean());
    }
    #[test]
    fn an_unknown_outcome_that_was_told_is_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        let (acks, smsc) = (directory.path().join("acks"), directory.path().join("smsc"));
        std::fs::write(&acks, "A 1 a\nR a UNKNOWN\nA 2 b\nR b UNKNOWN\n").unwrap();
        std::fs::write(&smsc, "86199 f0 000000000002\n").unwrap();
        let found = reconcile(&acks, &[smsc]).unwrap();
        assert_eq!((found.lost, found.unknown_outcomes, found.arrived), (0, 1, 1));
        assert!(found.is_clean());
    }
}
