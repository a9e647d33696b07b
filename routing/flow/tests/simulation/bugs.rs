//! Bugs that the simulation found, each as the plan that shows it.

use super::plan::{Fault, Intention, MS, Manners, Plan, SECOND};
use super::world::{Trace, World};

/// `count` messages of one enterprise that ask for receipts, `apart` microseconds from each other.
fn steady(count: u64, apart: u64) -> Vec<Intention> {
    let intention = |number: u64| Intention {
        at: 200 * MS + number * apart,
        account: 1,
        enterprise: 0,
        person: usize::try_from(number % 5).unwrap(),
        registered_delivery: 1,
        validity: None,
        schedule: None,
    };
    (0..count).map(intention).collect()
}

fn run(plan: Plan) {
    run_with(1, plan);
}

fn run_with(seed: u64, plan: Plan) {
    let mut world = World::of(seed, plan, Trace(None));
    world.run();
}

/// A commit that failed took the deletion of a taken receipt, or of a written CDR, with it: the record stayed, and the
/// next start delivered the receipt again.
#[test]
fn a_deletion_whose_commit_failed_is_made_again() {
    for lasting in [1, 4, 10] {
        let submits = steady(200, 10 * MS);
        let full = Fault::StoreFull { lasting: lasting * 20 * MS };
        let faults = vec![(SECOND, full), (SECOND + 800 * MS, full)];
        run(Plan { submits, faults, manners: vec![Manners::default()], ..Plan::quiet() });
    }
}

/// Of messages that were taken together, those looked up lately left before those that had to be looked up again: after
/// a pause a person's newer messages overtook the older.
#[test]
fn what_waited_long_is_not_overtaken() {
    let submits = steady(24, 350 * MS);
    let faults = vec![(SECOND, Fault::ChannelOff { channel: 0, lasting: 5 * SECOND })];
    run(Plan { submits, faults, ..Plan::quiet() });
}

/// A message whose answer was overdue waits to be repeated, perhaps at another channel; when the answer came just then, it
/// was passed over because it was not that channel's, and the message left again.
#[test]
fn an_answer_stops_a_repetition_at_another_channel() {
    for seed in 0..12 {
        let manners = vec![Manners { late: 70, ..Manners::default() }; 2];
        let quiet = Plan::quiet();
        let plan = Plan { links: vec![1, 1], retry_unknown: vec![true, true], window: 3, manners, ..quiet };
        run_with(seed, Plan { submits: steady(40, 200 * MS), commit: (20 * MS, 300 * MS), ..plan });
    }
}
