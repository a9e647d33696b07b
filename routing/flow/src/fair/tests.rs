use proptest::prelude::*;

use super::*;

fn lanes(weights: &[(&str, u32)]) -> (Lanes, Vec<usize>) {
    let ids: Vec<EnterpriseId> = weights.iter().map(|(id, _)| EnterpriseId::parse(id).unwrap()).collect();
    let mut lanes = Lanes::default();
    lanes.weigh(ids.iter().zip(weights).map(|(id, (_, weight))| (id, *weight)));
    let numbers = ids.iter().map(|id| lanes.of(id)).collect();
    (lanes, numbers)
}

fn popped(queue: &mut FairQueue, lanes: &Lanes, count: usize) -> Vec<u64> {
    (0..count).map_while(|_| queue.pop(lanes)).map(|id| id.0).collect()
}

/// A flood of one costs another nothing: of every two messages one is its own, as if it were alone on half a channel,
/// and it never waits behind more than one of the flood.
#[test]
fn a_flood_waits_behind_itself() {
    let (lanes, of) = lanes(&[("flood", 1), ("other", 1)]);
    let mut queue = FairQueue::default();
    for id in 0..100_000 {
        queue.push_back(of[0], MessageId(id));
    }
    let mut others = 0;
    // The other sends one for each two that leave: all it sends leaves at once.
    for round in 0..1000 {
        queue.push_back(of[1], MessageId(1_000_000 + round));
        let left = popped(&mut queue, &lanes, 2);
        others += left.iter().filter(|id| **id >= 1_000_000).count();
    }
    assert_eq!(others, 1000);
    assert_eq!(queue.len(), 100_000 - 1000);
}

#[test]
fn weights_share_a_full_channel() {
    let (lanes, of) = lanes(&[("a", 3), ("b", 1), ("c", 1)]);
    let mut queue = FairQueue::default();
    for (first, lane) in (0..).step_by(10_000).zip(&of) {
        for id in 0..1000 {
            queue.push_back(*lane, MessageId(first + id));
        }
    }
    let first = popped(&mut queue, &lanes, 500);
    let of_lane = |lane: u64| first.iter().filter(|id| **id / 10_000 == lane).count();
    assert_eq!([of_lane(0), of_lane(1), of_lane(2)], [300, 100, 100]);
}

#[test]
fn whoever_sleeps_saves_no_turns() {
    let (lanes, of) = lanes(&[("a", 5), ("b", 1)]);
    let mut queue = FairQueue::default();
    for round in 0..100 {
        queue.push_back(of[0], MessageId(round));
        assert_eq!(popped(&mut queue, &lanes, 9), [round]);
    }
    for id in 0..20 {
        queue.push_back(of[0], MessageId(1000 + id));
        queue.push_back(of[1], MessageId(2000 + id));
    }
    let first = popped(&mut queue, &lanes, 12);
    assert_eq!(first.iter().filter(|id| **id < 2000).count(), 10, "{first:?}");
}

#[test]
fn what_comes_back_keeps_its_place() {
    let (lanes, of) = lanes(&[("a", 1), ("b", 1)]);
    let mut queue = FairQueue::default();
    for id in 0..6 {
        queue.push_back(of[0], MessageId(id));
    }
    let taken = popped(&mut queue, &lanes, 3);
    queue.push_back(of[1], MessageId(100));
    for id in taken.into_iter().rev() {
        queue.put_back(of[0], MessageId(id));
    }
    let all = popped(&mut queue, &lanes, 10);
    let own: Vec<u64> = all.iter().copied().filter(|id| *id < 100).collect();
    assert_eq!(own, [0, 1, 2, 3, 4, 5]);
    assert_eq!(all.len(), 7);
}

#[test]
fn a_lane_given_back_serves_again() {
    let (lanes, of) = lanes(&[("a", 1)]);
    let mut queue = FairQueue::default();
    for round in 0..3 {
        for id in 0..5000 {
            queue.push_back(of[0], MessageId(round * 10_000 + id));
        }
        assert_eq!(popped(&mut queue, &lanes, usize::MAX).len(), 5000);
    }
    assert!(queue.lanes[of[0]].waiting.capacity() <= KEPT);
}

proptest! {
    /// Nothing is lost or doubled, each lane is first in first out, and while two lanes of one weight both wait, neither
    /// gets more than one ahead.
    #[test]
    fn order_and_shares_are_kept(steps in prop::collection::vec((0_usize..3, 0_usize..4), 1..300)) {
        let (lanes, of) = lanes(&[("a", 1), ("b", 1), ("c", 1)]);
        let mut queue = FairQueue::default();
        let (mut pushed, mut left) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
        for (next, (lane, pops)) in (0..).zip(steps) {
            queue.push_back(of[lane], MessageId(next));
            pushed[lane].push(next);
            for _ in 0..pops.saturating_sub(1) {
                let Some(id) = queue.pop(&lanes) else { break };
                let lane = pushed.iter().position(|lane| lane.contains(&id.0)).unwrap();
                left[lane].push(id.0);
            }
        }
        prop_assert_eq!(queue.len(), pushed.iter().map(Vec::len).sum::<usize>() - left.iter().map(Vec::len).sum::<usize>());
        for id in queue.drain() {
            let lane = pushed.iter().position(|lane| lane.contains(&id.0)).unwrap();
            left[lane].push(id.0);
        }
        prop_assert_eq!(queue.len(), 0);
        prop_assert_eq!(pushed, left);
    }
}
