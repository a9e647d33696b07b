use std::time::Duration;

use super::*;

const T0: Timestamp = Timestamp(1_800_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

/// Parked messages of the enterprises `a` and `b`, each with one service number. A message's tag is its id.
#[derive(Default)]
struct Yard(Parked);

impl Yard {
    fn with<T>(
        &mut self,
        id: u64,
        of: &str,
        until: Duration,
        act: impl FnOnce(&mut Parked, Ticket<'_>) -> T,
    ) -> T {
        let tenant = EnterpriseId::parse(of).unwrap();
        let digits = if of == "a" { "10690001" } else { "10690002" };
        let ticket = Ticket {
            id: MessageId(id),
            tenant: &tenant,
            service_number: ServiceNumber::parse(digits).unwrap(),
            route: 0,
            expires_at: T0.plus(until),
            tag: u32::try_from(id).unwrap(),
        };
        act(&mut self.0, ticket)
    }

    fn park(&mut self, ids: impl IntoIterator<Item = u64>, of: &str) {
        for id in ids {
            self.with(id, of, HOUR, |parked, ticket| parked.park(ticket));
        }
    }

    fn schedule(&mut self, id: u64, of: &str, after: Duration) {
        self.with(id, of, HOUR, |parked, ticket| parked.schedule(ticket, T0.plus(after)));
    }

    /// What is picked `after` the start where one channel has so much room.
    fn pick(&mut self, max: usize, after: Duration, room: usize) -> Vec<u64> {
        let mut routes = Routes::default();
        routes.add(crate::groups::Candidate::new(1, true));
        let mut rooms = Rooms { channels: vec![room], routes: &routes };
        let picked = self.0.pick(max, T0.plus(after), &mut rooms);
        picked.iter().map(|picked| picked.id.0).collect()
    }

    fn sift(&mut self, wanted: &Wanted, budget: usize) -> Vec<u32> {
        let (mut search, mut found) = (Search::default(), Vec::new());
        while search != Search::Done {
            found.extend(self.0.sift(wanted, Cause::Urgent, &mut search, budget));
        }
        found.sort_unstable();
        found
    }

    fn of(&self, tenant: &str) -> usize {
        self.0.of_tenant(&EnterpriseId::parse(tenant).unwrap())
    }
}

#[test]
fn a_line_keeps_its_order_and_its_count() {
    let mut yard = Yard::default();
    yard.park(1..=1000, "a");
    assert_eq!((yard.0.len(), yard.of("a")), (1000, 1000));
    let mut seen = Vec::new();
    while seen.len() < 1000 {
        let picked = yard.pick(64, Duration::ZERO, usize::MAX);
        assert!(!picked.is_empty());
        assert_eq!(yard.0.len() + seen.len(), 1000, "what is being read counts as parked");
        seen.extend(picked);
        yard.0.done();
    }
    assert_eq!(seen, (1..=1000).collect::<Vec<_>>());
    assert_eq!((yard.0.len(), yard.of("a")), (0, 0));
}

#[test]
fn no_more_is_picked_than_there_is_room() {
    let mut yard = Yard::default();
    yard.park(1..=100, "a");
    assert_eq!(yard.pick(64, Duration::ZERO, 3), [1, 2, 3]);
    yard.0.done();
    assert_eq!(yard.pick(64, Duration::ZERO, 0), [0; 0]);
}

#[test]
fn tenants_take_turns_however_much_one_has() {
    let mut yard = Yard::default();
    yard.park(1..=10_000, "a");
    yard.park(10_001..=10_004, "b");
    let picked = yard.pick(16, Duration::ZERO, 16);
    assert_eq!(picked.iter().filter(|id| **id > 10_000).count(), 4);
    assert_eq!(picked.len(), 16, "what one leaves over the other takes");
    yard.0.done();
    for id in 1..=1000 {
        yard.schedule(20_000 + id, "a", Duration::from_secs(1));
    }
    yard.schedule(30_000, "b", Duration::from_secs(1));
    assert!(yard.pick(64, Duration::from_secs(1), 0).contains(&30_000), "of what is due as well");
}

#[test]
fn what_comes_while_others_are_read_stands_behind_them() {
    let mut yard = Yard::default();
    let has_line =
        |yard: &mut Yard| yard.with(0, "a", HOUR, |parked, t| parked.has_line(t.tenant, t.service_number));
    yard.park([1, 2], "a");
    assert_eq!(yard.pick(64, Duration::ZERO, 9), [1, 2]);
    assert!(has_line(&mut yard));
    yard.0.done();
    assert!(!has_line(&mut yard));
}

#[test]
fn what_could_not_be_read_keeps_its_place() {
    let mut yard = Yard::default();
    yard.park(1..=5, "a");
    yard.schedule(6, "b", Duration::ZERO);
    assert_eq!(yard.pick(4, Duration::ZERO, 9), [6, 1, 2, 3]);
    yard.0.unpick();
    assert_eq!((yard.0.len(), yard.of("a"), yard.of("b")), (6, 5, 1));
    assert_eq!(yard.pick(9, Duration::ZERO, 9), [6, 1, 2, 3, 4, 5]);
}

#[test]
fn a_message_is_due_at_its_time_and_only_once() {
    let mut yard = Yard::default();
    yard.schedule(1, "a", Duration::from_millis(1500));
    yard.schedule(2, "a", Duration::from_millis(1200));
    yard.schedule(3, "a", HOUR);
    let at = Duration::from_millis;
    assert_eq!(yard.pick(9, at(1199), 9), [0; 0]);
    assert_eq!(yard.pick(9, at(1200), 9), [2]);
    yard.0.done();
    assert_eq!(yard.pick(9, at(1499), 9), [0; 0]);
    assert_eq!(yard.pick(9, at(5000), 0), [1], "whatever room there is");
    yard.0.done();
    assert_eq!(yard.0.len(), 1);
}

#[test]
fn a_clock_that_is_set_neither_repeats_nor_skips() {
    let mut yard = Yard::default();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    for (id, minute) in [(1, 1), (2, 3), (3, 6), (4, 12)] {
        yard.schedule(id, "a", minutes(minute));
    }
    assert_eq!(yard.pick(9, minutes(1), 0), [1]);
    yard.0.done();
    let mut forward = yard.pick(9, minutes(6), 0);
    yard.0.done();
    forward.extend(yard.pick(9, minutes(6), 0));
    yard.0.done();
    assert_eq!(forward, [2, 3], "five minutes forward: what was passed is due, once");
    for minute in 2..12 {
        assert_eq!(yard.pick(9, minutes(minute), 0), [0; 0], "back again: nothing twice");
    }
    assert_eq!(yard.pick(9, minutes(12), 0), [4], "and nothing is skipped");
}

#[test]
fn what_expires_in_a_line_is_found_in_time() {
    let mut yard = Yard::default();
    for id in 1..=2000_u64 {
        let until = Duration::from_millis(if id % 500 == 0 { 60_001 } else { 3_600_000 });
        yard.with(id, "a", until, |parked, ticket| parked.park(ticket));
    }
    assert!(!yard.0.presses(T0.plus(Duration::from_secs(60))));
    assert!(yard.0.presses(T0.plus(Duration::from_secs(61))));
    assert_eq!(yard.pick(9, Duration::from_secs(61), 0), [500, 1000, 1500, 2000]);
    yard.0.done();
    assert!(!yard.0.presses(T0.plus(Duration::from_secs(3599))));
    assert_eq!(yard.0.len(), 1996);
}

#[test]
fn what_a_revocation_concerns_is_found_wherever_it_is() {
    let mut yard = Yard::default();
    yard.park(1..=3000, "a");
    yard.schedule(3001, "b", HOUR);
    yard.schedule(3002, "b", HOUR * 2);
    yard.schedule(3003, "b", Duration::ZERO);
    yard.schedule(3004, "b", Duration::ZERO);
    assert_eq!(yard.pick(1, Duration::ZERO, 0), [3003]);
    let wanted = Wanted::Tags([7, 2999, 3002, 3003, 3004, 9999].into_iter().collect());
    assert_eq!(yard.sift(&wanted, 100), [7, 2999, 3002, 3003, 3004], "3003 is being read");
    yard.0.done();
    let mut picked = yard.pick(9, Duration::ZERO, 0);
    picked.sort_unstable();
    assert_eq!(picked, [7, 2999, 3002, 3004]);
    yard.0.done();
    assert_eq!(yard.sift(&wanted, 100), [0; 0]);
    assert_eq!((yard.of("a"), yard.of("b"), yard.0.scheduled()), (2998, 1, 1));
}

#[test]
fn everything_of_a_tenant_is_found() {
    let mut yard = Yard::default();
    yard.park(1..=600, "a");
    yard.park(601..=700, "b");
    yard.schedule(701, "a", HOUR);
    let all = yard.sift(&Wanted::Tenant(EnterpriseId::parse("a").unwrap()), 100);
    assert_eq!(all.len(), 601);
    assert!(all.iter().all(|tag| *tag <= 600 || *tag == 701));
    assert_eq!((yard.of("a"), yard.of("b")), (601, 100), "they are parked until they are read");
}

#[test]
fn what_the_rules_put_off_is_found_and_its_authorization_too() {
    let mut yard = Yard::default();
    yard.schedule(1, "a", HOUR);
    let early = |parked: &mut Parked, ticket: Ticket<'_>| {
        parked.schedule(Ticket { tag: ticket.tag | EARLY, ..ticket }, T0.plus(HOUR));
    };
    yard.with(2, "a", HOUR, early);
    yard.with(3, "b", HOUR, early);
    assert_eq!(yard.sift(&Wanted::Tags([3].into_iter().collect()), 100), [3]);
    assert_eq!(yard.sift(&Wanted::PutOff, 100), [2, 3], "3 is being read");
    assert_eq!(yard.0.scheduled(), 1);
}

#[test]
fn one_message_can_be_taken_out_wherever_it_is() {
    let mut yard = Yard::default();
    let due = T0.plus(HOUR);
    let remove = |yard: &mut Yard, id| yard.with(id, "a", HOUR, |parked, t| parked.remove(t, Some(due)));
    yard.park(1..=3, "a");
    yard.schedule(4, "a", HOUR);
    yard.schedule(5, "a", Duration::ZERO);
    yard.schedule(6, "a", Duration::ZERO);
    assert_eq!(yard.pick(1, Duration::ZERO, 0), [5]);
    assert!(!remove(&mut yard, 5), "it is being read");
    yard.0.done();
    assert_eq!([2, 4, 6, 2, 5, 9].map(|id| remove(&mut yard, id)), [true, true, true, false, false, false]);
    assert_eq!((yard.0.len(), yard.of("a")), (2, 2));
    assert_eq!(yard.pick(9, HOUR, 9), [1, 3]);
}

#[test]
fn a_message_takes_a_few_octets() {
    assert_eq!(size_of::<Slip>(), 16);
    assert_eq!(size_of::<Later>(), 16);
}
