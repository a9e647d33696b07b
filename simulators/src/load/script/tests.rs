//! Scripts: what they make of a plan, and what is refused.

use std::net::SocketAddr;

use super::super::LoadOptions;
use super::*;

const WHOLE: &str = r#"
title = "all there is"
[run]
receipts = true
tick_ms = 5
drain_seconds = 1.5
[[phase]]
name = "warm-up"
seconds = 2
rate = [0, 1000]
measured = false
[[phase]]
seconds = 3.5
rate = 1000
mix = "long"
[[phase]]
seconds = 1
rate = "closed"
[[account]]
system_id = "a"
password = "pa"
share = 3
binds = 4
[[account]]
system_id = "b"
window = 7
mix = "long"
source = "10690002"
[[mix]]
name = "short"
[[mix.message]]
weight = 9
receipt_percent = 50
[[mix.message]]
coding = "ucs2"
[[mix]]
name = "long"
[[mix.message]]
length = 400
split = "sar"
[expect]
p99_ms = 15
lost = 0
"#;

fn plan(text: &str) -> Result<Plan, ScriptError> {
    let base = LoadOptions::new(SocketAddr::from(([127, 0, 0, 1], 1)), "base", "");
    Script::parse(text)?.plan(base.into(), Path::new("."), RecipientForm::Edi)
}

#[test]
fn a_script_becomes_a_plan() {
    let plan = plan(WHOLE).unwrap();
    assert_eq!((plan.title.as_str(), plan.tick), ("all there is", Duration::from_millis(5)));
    assert_eq!(plan.drain, Duration::from_millis(1_500));
    let paces: Vec<Pace> = plan.phases.iter().map(|phase| phase.pace).collect();
    let open = |from, to| Pace::Open { from, to };
    assert_eq!(paces, [open(0.0, 1_000.0), open(1_000.0, 1_000.0), Pace::Closed]);
    assert_eq!(plan.phases.iter().map(|phase| phase.measured).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(plan.phases[1].name, "phase 2");
    assert_eq!(plan.phases[1].mix.as_ref().unwrap()[0].split, Some(Split::Sar));
    let [a, b] = plan.accounts.as_slice() else { panic!("two accounts") };
    assert_eq!((a.system_id.as_str(), a.binds, a.window, a.mix.len()), ("a", 4, 100, 2));
    assert_eq!((b.binds, b.window, b.mix[0].length, b.source.digits.as_str()), (1, 7, 400, "10690002"));
    assert_eq!(Script::parse(WHOLE).unwrap().expectations().unwrap().len(), 2);
}

#[test]
fn a_script_without_accounts_takes_the_command_lines() {
    let plan = plan("[[phase]]\nrate = 10\nseconds = 1").unwrap();
    assert_eq!((plan.accounts.len(), plan.accounts[0].system_id.as_str()), (1, "base"));
}

#[test]
fn what_cannot_be_is_refused_and_named() {
    let phase = "[[phase]]\nrate = 10\nseconds = 1\n";
    let cases = [
        ("", "number of phases"),
        ("colour = 1", "unknown field"),
        ("[run]\ncolour = 1", "unknown field"),
        ("[[phase]]\nrate = 10", "seconds of phase 1"),
        ("[[phase]]\nrate = [1, 2]\n[run]\ncount = 5", "seconds of phase 1"),
        ("[[phase]]\nrate = \"fast\"\nseconds = 1", "rate of phase 1"),
        ("[[phase]]\nrate = -1\nseconds = 1", "rate of phase 1"),
        ("[[phase]]\nrate = nan\nseconds = 1", "rate of phase 1"),
        ("[[phase]]\nrate = 1\nseconds = -1", "seconds of phase 1"),
        ("[[phase]]\nrate = 1\nseconds = 1e300", "seconds of phase 1"),
        ("[[phase]]\nrate = 1\nseconds = 1\nmix = \"x\"", "one mix \"x\""),
        ("[[phase]]\nrate = 1\nseconds = 1\ncolour = 1", "unknown field"),
    ];
    let more = [
        ("[[account]]\nsystem_id = \"a\"\nbinds = 0", "binds of a"),
        ("[[account]]\nsystem_id = \"a\"\nbinds = 5000", "binds of a"),
        ("[[account]]\nsystem_id = \"a\"\nwindow = 0", "window of a"),
        ("[[account]]\nsystem_id = \"a\"\nshare = 0", "share of a"),
        ("[[account]]\nsystem_id = \"a\"\nrecipients = \"nowhere.csv\"", "account a"),
        ("[[account]]\nsystem_id = \"a\"\ncolour = 1", "unknown field"),
        ("[[mix]]\nname = \"m\"\nmessage = []", "messages of mix m"),
        ("[[mix]]\nname = \"m\"\nmessage = [{ length = 12 }]", "mix of base"),
        ("[[mix]]\nname = \"m\"\nmessage = [{ length = 99999999 }]", "length in mix m"),
        ("[[mix]]\nname = \"m\"\nmessage = [{ weight = 0 }]", "weight in mix m"),
        ("[[mix]]\nname = \"m\"\nmessage = [{ coding = \"latin1\" }]", "coding in mix m"),
        ("[[mix]]\nname = \"m\"\nmessage = [{ receipt_percent = 101 }]", "receipt_percent in mix m"),
        ("[[mix]]\nname = \"m\"\nmessage = [{ colour = 1 }]", "unknown field"),
        ("[expect]\ncolour = 1", "p99_ms"),
        ("[sink]\ncolour = 1", "unknown field"),
    ];
    let more = more.map(|(text, names)| (format!("{phase}{text}"), names));
    let all = cases.into_iter().map(|(text, names)| (text.to_owned(), names)).chain(more);
    for (text, names) in all {
        let error = plan(&text).unwrap_err().to_string();
        assert!(error.contains(names), "{text}: {error}");
    }
}

#[test]
fn the_examples_are_scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/mixes");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        plan(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}
