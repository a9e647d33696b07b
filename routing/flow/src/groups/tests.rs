use std::sync::LazyLock;

use super::*;

fn id(name: &str) -> ChannelId {
    ChannelId::parse(name).unwrap()
}

/// Lines are tested through objects, in `book/queues/tests.rs`.
fn notice() -> Freight<'static> {
    static SHOP: LazyLock<EnterpriseId> = LazyLock::new(|| EnterpriseId::parse("shop").unwrap());
    Freight { enterprise: &SHOP, category: Category::Notice }
}

/// Channels `c0`, `c1`, ... with these weights, all up.
fn routes(weights: &[u32]) -> Routes {
    let mut routes = Routes::default();
    for weight in weights {
        routes.add(Candidate { up: true, ..Candidate::new(*weight, true) });
    }
    routes
}

fn group(routes: &mut Routes, members: &[(usize, u8, Option<u32>)]) -> u16 {
    let members: Vec<Member> = members
        .iter()
        .map(|&(channel, priority, weight)| Member { channel: id(&format!("c{channel}")), priority, weight })
        .collect();
    let rules = RouteRules { name: Arc::from("g"), members: members.into() };
    routes.set(&rules, |channel| channel.as_str().strip_prefix("c")?.parse().ok())
}

fn counts(routes: &mut Routes, route: u16, rounds: usize) -> Vec<usize> {
    let mut counts = vec![0; routes.candidates.len()];
    for _ in 0..rounds {
        if let Some(index) = routes.choose(route, None, None, notice()) {
            counts[usize::from(index)] += 1;
        }
    }
    counts
}

#[test]
fn weights_are_kept() {
    assert_eq!(counts(&mut routes(&[3, 1]), 0, 400), [300, 100]);
    let mut with_group = routes(&[1, 1, 1]);
    let route = group(&mut with_group, &[(0, 0, Some(1)), (2, 0, Some(4))]);
    assert_eq!(counts(&mut with_group, route, 100), [20, 0, 80]);
    assert_eq!(counts(&mut with_group, 0, 99), [33, 33, 33], "each route has turns of its own");
}

#[test]
fn dead_channels_are_skipped_unless_all_are() {
    let mut some = routes(&[3, 1]);
    some.candidates[0].up = false;
    assert_eq!(counts(&mut some, 0, 100), [0, 100]);
    some.candidates[1].up = false;
    assert_eq!(counts(&mut some, 0, 100), [75, 25]);
    some.candidates[0].enabled = false;
    some.candidates[1].draining = true;
    assert_eq!(some.choose(0, None, None, notice()), None);
    some.publish();
    assert!(!some.open().load().leads(0, None));
    assert_eq!(Routes::default().choose(0, None, None, notice()), None);
}

#[test]
fn levels_fail_over_and_back() {
    let mut some = routes(&[1, 1, 1]);
    let route = group(&mut some, &[(2, 7, None), (0, 1, None), (1, 1, None)]);
    assert_eq!(counts(&mut some, route, 10), [5, 5, 0]);
    some.candidates[0].health = Health::Unhealthy;
    assert_eq!(counts(&mut some, route, 10), [0, 10, 0], "its level goes on");
    some.candidates[1].up = false;
    assert_eq!(counts(&mut some, route, 10), [0, 0, 10], "the next level");
    some.candidates[2].up = false;
    assert_eq!(counts(&mut some, route, 10), [10, 0, 0], "unhealthy is better than nothing");
    some.candidates[0].health = Health::Healthy;
    some.candidates[1].up = true;
    assert_eq!(counts(&mut some, route, 10), [5, 5, 0], "and back");
    some.candidates[0].health = Health::Degraded;
    assert_eq!(counts(&mut some, route, 10), [2, 8, 0]);
}

#[test]
fn a_probe_goes_to_who_wants_one() {
    let mut some = routes(&[1, 1]);
    some.candidates[0].health = Health::Unhealthy;
    some.want_probe(0, true);
    assert_eq!(counts(&mut some, 0, 10), [1, 9]);
    some.want_probe(0, true);
    some.want_probe(0, false);
    assert_eq!(counts(&mut some, 0, 10), [0, 10]);
}

#[test]
fn another_than_the_last_if_there_is_one() {
    let mut some = routes(&[1, 1]);
    assert!((0..9).all(|_| some.choose(0, None, Some(0), notice()) == Some(1)));
    assert!(some.has_other(0, 0));
    some.candidates[1].enabled = false;
    assert_eq!(some.choose(0, None, Some(0), notice()), Some(0));
    assert!(!some.has_other(0, 0));
}

#[test]
fn parts_go_one_way_by_weight() {
    let mut some = routes(&[3, 1, 5]);
    some.candidates[2].up = false;
    let taken: Vec<_> = (0..16).map(|key| some.choose(0, Some(key), None, notice()).unwrap()).collect();
    assert_eq!(taken.iter().filter(|channel| **channel == 0).count(), 12);
    assert_eq!(taken[0], some.choose(0, Some(0), None, notice()).unwrap(), "again the same");
}

#[test]
fn a_route_that_changes_keeps_its_place() {
    let mut some = routes(&[1, 1]);
    let route = group(&mut some, &[(0, 0, None)]);
    assert_eq!(some.choose(route, None, None, notice()), Some(0));
    assert_eq!(group(&mut some, &[(1, 0, None), (9, 0, None)]), route);
    assert_eq!(some.choose(route, None, None, notice()), Some(1));
}
