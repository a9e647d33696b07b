//! Which channel takes a message: smooth weighted round-robin over the channels its service number may use,
//! skipping those that are down or switched off.

/// What the choice knows of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) weight: u32,
    pub(crate) up: bool,
    pub(crate) enabled: bool,
    credit: i64,
}

impl Candidate {
    pub(crate) fn new(weight: u32, enabled: bool) -> Self {
        Self { weight, up: false, enabled, credit: 0 }
    }
}

/// Chooses among `allowed` (indices into `channels`; empty = all). Dead channels are skipped while a live one
/// exists; if none lives, the message waits at a dead one. `None`: every channel is switched off, or none exists.
pub(crate) fn choose(channels: &mut [Candidate], allowed: &[u16]) -> Option<u16> {
    pick(channels, allowed, true).or_else(|| pick(channels, allowed, false))
}

/// The same for one of several parts: all with one `key` go one way while the same channels live, by weight over
/// the keys.
pub(crate) fn choose_by(channels: &[Candidate], allowed: &[u16], key: u64) -> Option<u16> {
    let usable = |up_only: bool| {
        let may = move |index: u16, channel: &Candidate| {
            (allowed.is_empty() || allowed.contains(&index)) && channel.enabled && (channel.up || !up_only)
        };
        (0..).zip(channels).filter(move |(index, channel)| may(*index, channel))
    };
    let up_only = usable(true).any(|(_, channel)| channel.weight > 0);
    let total: u64 = usable(up_only).map(|(_, channel)| u64::from(channel.weight)).sum();
    let mut place = key.checked_rem(total)?;
    usable(up_only).find_map(|(index, channel)| {
        let weight = u64::from(channel.weight);
        let here = place < weight;
        place = place.saturating_sub(weight);
        here.then_some(index)
    })
}

fn pick(channels: &mut [Candidate], allowed: &[u16], up_only: bool) -> Option<u16> {
    let mut total = 0;
    let mut best: Option<(u16, i64)> = None;
    for (index, channel) in channels.iter_mut().enumerate() {
        let Ok(index) = u16::try_from(index) else { break };
        let may = allowed.is_empty() || allowed.contains(&index);
        if !may || !channel.enabled || channel.weight == 0 || (up_only && !channel.up) {
            continue;
        }
        let weight = i64::from(channel.weight);
        channel.credit += weight;
        total += weight;
        if best.is_none_or(|(_, credit)| channel.credit > credit) {
            best = Some((index, channel.credit));
        }
    }
    let (index, _) = best?;
    if let Some(chosen) = channels.get_mut(usize::from(index)) {
        chosen.credit -= total;
    }
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(spec: &[(u32, bool)]) -> Vec<Candidate> {
        spec.iter().map(|&(weight, up)| Candidate { up, ..Candidate::new(weight, true) }).collect()
    }

    fn counts(channels: &mut [Candidate], allowed: &[u16], rounds: usize) -> Vec<usize> {
        let mut counts = vec![0; channels.len()];
        for _ in 0..rounds {
            if let Some(index) = choose(channels, allowed) {
                counts[usize::from(index)] += 1;
            }
        }
        counts
    }

    #[test]
    fn weights_are_kept() {
        assert_eq!(counts(&mut channels(&[(3, true), (1, true)]), &[], 400), [300, 100]);
    }

    #[test]
    fn dead_channels_are_skipped_unless_all_are() {
        assert_eq!(counts(&mut channels(&[(3, false), (1, true)]), &[], 100), [0, 100]);
        assert_eq!(counts(&mut channels(&[(1, false), (1, false)]), &[], 100), [50, 50]);
    }

    #[test]
    fn parts_go_one_way_by_weight() {
        let live = channels(&[(3, true), (1, true), (5, false)]);
        let taken: Vec<_> = (0..4).map(|key| choose_by(&live, &[], key)).collect();
        assert_eq!(taken, [Some(0), Some(0), Some(0), Some(1)]);
        assert_eq!(choose_by(&live, &[1], 7), Some(1));
        assert_eq!(choose_by(&live, &[2], 7), Some(2), "the dead one, when no other may be taken");
        assert_eq!(choose_by(&[], &[], 7), None);
    }

    #[test]
    fn only_allowed_and_enabled_channels() {
        let mut some = channels(&[(1, true), (1, true), (1, true)]);
        assert_eq!(counts(&mut some, &[2], 10), [0, 0, 10]);
        some[2].enabled = false;
        assert_eq!(choose(&mut some, &[2]), None);
        assert_eq!(choose(&mut [], &[]), None);
    }
}
