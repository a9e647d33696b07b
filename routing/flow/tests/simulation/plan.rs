//! What a seed stands for: who sends what and when, how the SMSCs behave, and which faults happen. Each seed takes part of
//! the faults only, or the common ones would hide the rare.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::people::{ACCOUNTS, PEOPLE};

pub(crate) const MS: u64 = 1_000;
pub(crate) const SECOND: u64 = 1_000_000;
/// Until when there are submits and faults.
pub(crate) const BUSY: u64 = 12 * SECOND;

/// Random choices that are the same for the same seed.
pub(crate) struct Chance(TestRng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut octets = [0; 32];
        octets[..8].copy_from_slice(&seed.to_be_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &octets))
    }

    /// Less than `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    pub(crate) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        percent > 0 && self.below(100) < percent
    }

    /// `most` percent, or more often 0.
    fn sometimes(&mut self, most: u64) -> u64 {
        if self.percent(30) { self.between(1, most) } else { 0 }
    }
}

/// How an SMSC behaves: percent of its submits, receipts and replies.
#[derive(Debug, Default, Clone)]
pub(crate) struct Manners {
    pub(crate) throttles: u64,
    pub(crate) fails: u64,
    pub(crate) refuses: u64,
    /// Takes the message and says nothing.
    pub(crate) mute: u64,
    /// Loses the message and says nothing.
    pub(crate) deaf: u64,
    pub(crate) late: u64,
    pub(crate) twice: u64,
    pub(crate) nameless: u64,
    pub(crate) no_receipt: u64,
    pub(crate) early_receipt: u64,
    pub(crate) two_receipts: u64,
    pub(crate) strange_receipt: u64,
    pub(crate) bad_end: u64,
    pub(crate) stray_response: u64,
    pub(crate) reply: u64,
    pub(crate) opt_out: u64,
}

/// How accounts answer `deliver_sm`: percent.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reception {
    pub(crate) later: u64,
    pub(crate) never: u64,
    pub(crate) silent: u64,
}

/// What accounts ask about messages that were accepted: percent of these.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Questions {
    pub(crate) query: u64,
    pub(crate) cancel: u64,
    pub(crate) replace: u64,
}

/// How staff suspend an enterprise: as a tenant, by its number, or in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Tenant,
    Number,
    Configuration,
}

/// What goes wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The gateway dies, and comes back after so long.
    Crash { away: u64 },
    /// A connection is reset.
    Cut,
    /// An SMSC unbinds on one link, in the middle of its window.
    SmscUnbinds,
    /// An SMSC's connection says nothing any more.
    SmscSilent,
    /// An account unbinds one of its binds.
    EsmeUnbinds,
    /// A peer does not read for so long.
    Stuck { lasting: u64 },
    /// The wall clock jumps.
    ClockStep { ms: i64 },
    /// Staff end a consent.
    Revoke { person: usize, enterprise: usize },
    /// Staff suspend an enterprise for so long.
    Suspend { enterprise: usize, by: By, lasting: u64 },
    /// Staff switch a channel off, and on again after so long.
    ChannelOff { channel: usize, lasting: u64 },
    /// The store is full for so long.
    StoreFull { lasting: u64 },
    /// A commit fails, nobody knows how far it came; the gateway stops.
    StoreFails,
    /// Commits take so long each, for a second.
    StoreSlow { each: u64 },
}

/// One submit to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intention {
    pub(crate) at: u64,
    pub(crate) account: usize,
    pub(crate) enterprise: usize,
    pub(crate) person: usize,
    pub(crate) registered_delivery: u8,
    /// Seconds; none takes the default.
    pub(crate) validity: Option<u64>,
    /// Seconds until it is to leave.
    pub(crate) schedule: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) latency: (u64, u64),
    pub(crate) commit: (u64, u64),
    pub(crate) links: Vec<usize>,
    pub(crate) window: u16,
    pub(crate) retry_unknown: Vec<bool>,
    pub(crate) only: Option<usize>,
    /// Messages queued at a channel in memory; the others wait in the store.
    pub(crate) resident: usize,
    pub(crate) manners: Vec<Manners>,
    pub(crate) reception: Reception,
    pub(crate) questions: Questions,
    /// The binds of each account, by command.
    pub(crate) binds: Vec<Vec<u32>>,
    pub(crate) submits: Vec<Intention>,
    pub(crate) faults: Vec<(u64, Fault)>,
}

impl Plan {
    /// How far its clock steps set the clock back together, in microseconds.
    pub(crate) fn set_back(&self) -> u64 {
        let step = |(_, fault): &(u64, Fault)| match fault {
            Fault::ClockStep { ms } => ms.min(&0).unsigned_abs() * MS,
            _ => 0,
        };
        self.faults.iter().map(step).sum()
    }

    /// One channel with one link, one bind for each account; nobody sends and nothing goes wrong.
    pub(crate) fn quiet() -> Self {
        Self {
            latency: (20, 2 * MS),
            commit: (50, 2 * MS),
            links: vec![1],
            window: 10,
            retry_unknown: vec![false],
            only: None,
            resident: 1000,
            manners: vec![Manners::default()],
            reception: Reception::default(),
            questions: Questions::default(),
            binds: vec![vec![super::pdu::BIND_TRANSCEIVER]; ACCOUNTS.len()],
            submits: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn new(chance: &mut Chance) -> Self {
        let channels = 1 + chance.index(2);
        let messages = if chance.percent(10) { 80 } else { chance.between(3, 30) };
        let far = chance.percent(20);
        let mut plan = Self {
            latency: if far { (5 * MS, 200 * MS) } else { (20, 2 * MS) },
            commit: if chance.percent(20) { (MS, 50 * MS) } else { (50, 2 * MS) },
            links: (0..channels).map(|_| 1 + chance.index(2)).collect(),
            window: [1, 2, 10, 50][chance.index(4)],
            retry_unknown: (0..channels).map(|_| chance.percent(30)).collect(),
            only: chance.percent(30).then(|| chance.index(channels)),
            resident: [1, 3, 1000][chance.index(3)],
            manners: (0..channels).map(|_| manners(chance)).collect(),
            reception: Reception {
                later: chance.sometimes(40),
                never: chance.sometimes(20),
                silent: chance.sometimes(30),
            },
            questions: Questions {
                query: chance.sometimes(50),
                cancel: chance.sometimes(40),
                replace: chance.sometimes(40),
            },
            binds: ACCOUNTS.iter().map(|_| binds(chance)).collect(),
            submits: (0..messages).map(|_| intention(chance)).collect(),
            faults: Vec::new(),
        };
        plan.faults = faults(channels, chance);
        plan
    }
}

fn manners(chance: &mut Chance) -> Manners {
    if chance.percent(15) {
        return Manners::default();
    }
    Manners {
        throttles: chance.sometimes(40),
        fails: chance.sometimes(40),
        refuses: chance.sometimes(20),
        mute: chance.sometimes(20),
        deaf: chance.sometimes(20),
        late: chance.sometimes(30),
        twice: chance.sometimes(30),
        nameless: chance.sometimes(10),
        no_receipt: chance.sometimes(20),
        early_receipt: chance.sometimes(60),
        two_receipts: chance.sometimes(40),
        strange_receipt: chance.sometimes(20),
        bad_end: chance.sometimes(50),
        stray_response: chance.sometimes(20),
        reply: chance.sometimes(20),
        opt_out: chance.sometimes(8),
    }
}

/// Bind commands: transceivers, or a transmitter with a receiver.
fn binds(chance: &mut Chance) -> Vec<u32> {
    use super::pdu::{BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER};
    match chance.index(4) {
        0 => vec![BIND_TRANSMITTER, BIND_RECEIVER],
        1 => vec![BIND_TRANSCEIVER, BIND_TRANSCEIVER],
        _ => vec![BIND_TRANSCEIVER],
    }
}

fn intention(chance: &mut Chance) -> Intention {
    let account = chance.index(ACCOUNTS.len());
    Intention {
        at: chance.between(200 * MS, BUSY - 2 * SECOND),
        account,
        enterprise: account.checked_sub(1).unwrap_or_else(|| chance.index(2)),
        person: chance.index(PEOPLE),
        registered_delivery: [0, 1, 1, 1, 2][chance.index(5)],
        validity: chance.percent(20).then(|| chance.between(1, 8)),
        schedule: chance.percent(15).then(|| chance.between(1, 8)),
    }
}

fn faults(channels: usize, chance: &mut Chance) -> Vec<(u64, Fault)> {
    let mut faults = Vec::new();
    for kind in 0..13 {
        // Most runs know few kinds, some know many.
        if !chance.percent(22) {
            continue;
        }
        for _ in 0..=chance.index(3) {
            faults.push((chance.between(300 * MS, BUSY), fault(kind, channels, chance)));
        }
    }
    faults
}

fn fault(kind: u32, channels: usize, chance: &mut Chance) -> Fault {
    let long = |chance: &mut Chance| chance.between(50 * MS, 5 * SECOND);
    match kind {
        0 => Fault::Crash { away: long(chance) },
        1 => Fault::Cut,
        2 => Fault::SmscUnbinds,
        3 => Fault::SmscSilent,
        4 => Fault::EsmeUnbinds,
        5 => Fault::Stuck { lasting: long(chance) },
        6 => {
            let ms = i64::try_from(chance.between(1, 1_200_000)).unwrap();
            Fault::ClockStep { ms: if chance.percent(50) { ms } else { -ms } }
        }
        7 => Fault::Revoke { person: chance.index(PEOPLE), enterprise: chance.index(2) },
        8 => Fault::ChannelOff { channel: chance.index(channels), lasting: long(chance) },
        9 => Fault::StoreFull { lasting: long(chance) },
        10 => Fault::StoreFails,
        11 => {
            let by = [By::Tenant, By::Number, By::Configuration][chance.index(3)];
            Fault::Suspend { enterprise: chance.index(2), by, lasting: long(chance) }
        }
        _ => Fault::StoreSlow { each: chance.between(10 * MS, 400 * MS) },
    }
}
