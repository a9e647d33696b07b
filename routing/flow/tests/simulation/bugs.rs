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
    };
    (0..count).map(intention).collect()
}

fn run(plan: Plan) {
    let mut world = World::of(1, plan, Trace(None));
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
