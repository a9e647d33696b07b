use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Open,
    Answer(usize),
    Control,
    TimeOut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Open),
        3 => any::<usize>().prop_map(Step::Answer),
        1 => Just(Step::Control),
        1 => Just(Step::TimeOut),
    ]
}

proptest! {
    /// The ring against a plain queue, over the wrap of the numbers.
    #[test]
    fn behaves_like_a_queue(limit in 0u16..6, first in 0x7FFF_FFE0u32.., steps in prop::collection::vec(step(), 0..120)) {
        let mut window = Window::new(limit, first);
        let mut queue: VecDeque<(u32, u64)> = VecDeque::new();
        for (token, step) in (0u64..).zip(steps) {
            match step {
                Step::Open => {
                    let opened = window.open(token, Monotonic(token));
                    prop_assert_eq!(opened.is_some(), queue.len() < usize::from(limit));
                    if let Some(sequence) = opened {
                        prop_assert!((1..=LAST_SEQUENCE).contains(&sequence));
                        prop_assert!(queue.iter().all(|(other, _)| *other != sequence));
                        queue.push_back((sequence, token));
                    }
                }
                Step::Answer(which) if !queue.is_empty() => {
                    let (sequence, token) = queue.remove(which % queue.len()).unwrap();
                    prop_assert_eq!(window.answer(sequence), Some(Matched::Open(token)));
                    prop_assert_eq!(window.answer(sequence), None);
                }
                Step::Answer(_) => {}
                Step::Control => {
                    let sequence = window.sequence();
                    prop_assert!(queue.iter().all(|(other, _)| *other != sequence));
                }
                Step::TimeOut => {
                    let oldest = queue.pop_front();
                    prop_assert_eq!(window.time_out(), oldest.map(|(_, token)| token));
                    if let Some((sequence, token)) = oldest {
                        prop_assert_eq!(window.answer(sequence), Some(Matched::Late(token)));
                    }
                }
            }
            prop_assert_eq!(window.tokens().collect::<Vec<_>>(), queue.iter().map(|(_, token)| *token).collect::<Vec<_>>());
            prop_assert_eq!(window.oldest_sent(), queue.front().map(|(_, token)| Monotonic(*token)));
            prop_assert_eq!(usize::from(window.free()), usize::from(limit) - queue.len());
        }
    }
}
