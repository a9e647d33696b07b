//! The whole table against its golden copy, which is also the table in ARCHITECTURE.md.

use proptest::prelude::*;

use super::*;

const LINK: LinkId = LinkId(1);

const PHASES: [Phase; 12] = [
    Phase::Accepted,
    Phase::Scheduled,
    Phase::Queued,
    Phase::Intended,
    Phase::Sent(LINK),
    Phase::Lost,
    Phase::Answered,
    Phase::Retracting,
    Phase::Postponed,
    Phase::Ending,
    Phase::Unwritten,
    Phase::Gone,
];

const EVENTS: [Event; 15] = [
    Event::Stored,
    Event::Held,
    Event::Woken,
    Event::Taken,
    Event::Written(LINK),
    Event::Answered,
    Event::Silent,
    Event::Repeated,
    Event::Withdrawn,
    Event::Changed,
    Event::Requeued,
    Event::Paused,
    Event::Ended,
    Event::EndLost,
    Event::EndStored,
];

fn word(value: impl fmt::Debug) -> String {
    format!("{value:?}").split('(').next().unwrap_or_default().to_owned()
}

fn words(phases: &[Phase]) -> String {
    phases.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// One row a phase: its state, every step out of it, and what it is after a restart.
fn table() -> String {
    let mut text =
        String::from("| phase | state | event -> next phase | after a restart |\n|---|---|---|---|\n");
    for phase in PHASES {
        let steps = EVENTS.into_iter().filter_map(|event| {
            let next = phase.on(event).ok()?;
            Some(format!("{} -> {}", word(event), word(next)))
        });
        let steps = steps.collect::<Vec<_>>().join(", ");
        let row =
            format!("| {} | {} | {steps} | {} |\n", word(phase), phase.state(), words(phase.after_restart()));
        text.push_str(&row);
    }
    text
}

#[test]
fn the_table_is_the_golden_one() {
    let golden = include_str!("table.md");
    assert_eq!(table(), golden, "routing/flow/src/state/table.md; is:\n{}", table());
}

#[test]
fn the_documents_show_the_same_table() {
    let document = include_str!("../../../../ARCHITECTURE.md");
    assert!(document.contains(include_str!("table.md")), "ARCHITECTURE.md, \"Life of a message\"");
}

#[test]
fn nothing_happens_to_a_message_that_is_gone_and_an_end_stays_one() {
    for event in EVENTS {
        assert!(Phase::Gone.on(event).is_err(), "{event:?}");
        for phase in [Phase::Ending, Phase::Unwritten] {
            let next = phase.on(event);
            assert!(next.is_err() || next.is_ok_and(|next| next.state() == State::Final), "{event:?}");
        }
    }
}

#[test]
fn every_phase_but_the_first_is_reached_and_ends() {
    for phase in PHASES.into_iter().filter(|phase| *phase != Phase::Accepted) {
        let reached = PHASES.iter().any(|from| EVENTS.iter().any(|event| from.on(*event) == Ok(phase)));
        assert!(reached, "{phase:?}");
        let may_end = phase.state() == State::Final || phase.on(Event::Ended) == Ok(Phase::Ending);
        assert!(may_end, "{phase:?}");
    }
}

proptest! {
    #[test]
    fn a_life_has_one_end(events in proptest::collection::vec(0..EVENTS.len(), 0..64)) {
        let mut life = Life::ACCEPTED;
        let (mut ends, mut losses) = (0, 0);
        for event in events.into_iter().map(|index| EVENTS[index]) {
            let before = life.phase();
            let stepped = life.on(event);
            prop_assert_eq!(stepped, before.on(event).is_ok());
            prop_assert!(stepped || life.phase() == before);
            ends += usize::from(stepped && event == Event::Ended);
            losses += usize::from(stepped && event == Event::EndLost);
        }
        prop_assert!(ends <= losses + 1, "one end, and one more for each that could not be written");
    }
}
