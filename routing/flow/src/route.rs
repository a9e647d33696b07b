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
    fn only_allowed_and_enabled_channels() {
        let mut some = channels(&[(1, true), (1, true), (1, true)]);
        assert_eq!(counts(&mut some, &[2], 10), [0, 0, 10]);
        some[2].enabled = false;
        assert_eq!(choose(&mut some, &[2]), None);
        assert_eq!(choose(&mut [], &[]), None);
    }
}
