//! A hundred thousand random questions answered by a reference in plain interval arithmetic, written from
//! interfaces.md section 2 and requirements.md sections 1.6 and 4.4 and sharing no code with the look-up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::*;

const HISTORIES: u64 = 100;
const VAULTS: u64 = 100;
const QUESTIONS: usize = 10;
const DAY: i64 = 86_400_000;
/// Days a history lasts.
const DAYS: i64 = 12;

/// Milliseconds `[from, to)`; open is `i64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    from: i64,
    to: i64,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    span: Span,
    holder: u64,
    out: bool,
    suspended: bool,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    device: usize,
    number: usize,
    span: Span,
    primary: bool,
}

#[derive(Debug)]
struct History {
    name: u64,
    rows: [Vec<Row>; 3],
    bounds: Vec<Bound>,
}

#[derive(Debug)]
struct Question {
    devices: Vec<usize>,
    /// A whole day or a millisecond.
    asked: Span,
    day: bool,
    now: i64,
}

/// SplitMix64: the same histories every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (n ^ n >> 31) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Mostly midnights, else quarters of days, else a second beside one of them.
    fn time(&mut self) -> i64 {
        let quarters = if self.one_in(2) { self.below(12) * 4 } else { self.below(48) };
        let beside = [0, 0, 0, 0, 1000, -1000][usize::try_from(self.below(6)).unwrap()];
        (origin() + i64::try_from(quarters).unwrap() * DAY / 4 + beside).max(origin())
    }

    fn span(&mut self) -> Span {
        loop {
            let (from, to) = (self.time(), if self.one_in(4) { i64::MAX } else { self.time() });
            if from < to {
                return Span { from, to };
            }
        }
    }

    /// The life of a number: stretches one after the other, gaps, now and then a row told twice.
    fn rows(&mut self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut times: BTreeSet<i64> = (0..1 + self.below(5)).map(|_| self.time()).collect();
        times.insert(if self.one_in(3) { i64::MAX } else { origin() + DAYS * DAY });
        let times: Vec<i64> = times.into_iter().collect();
        for pair in times.windows(2) {
            let span = Span { from: pair[0], to: pair[1] };
            let row = Row { span, holder: self.below(3), out: self.one_in(6), suspended: self.one_in(6) };
            if self.one_in(8) {
                continue;
            }
            rows.push(row);
            if self.one_in(12) {
                rows.push(Row { out: !row.out, span: Span { from: span.from + DAY / 24, ..span }, ..row });
            }
        }
        rows.retain(|row| row.span.from < row.span.to);
        rows
    }

    fn history(&mut self, name: u64) -> History {
        let mut bounds = Vec::new();
        for _ in 0..self.below(4) {
            bounds.push(Bound {
                device: usize::from(self.one_in(3)),
                number: usize::try_from([0, 0, 0, 1, 1, 2][usize::try_from(self.below(6)).unwrap()]).unwrap(),
                span: self.span(),
                primary: self.one_in(2),
            });
        }
        History { name, rows: std::array::from_fn(|_| self.rows()), bounds }
    }

    fn question(&mut self) -> Question {
        let devices = [&[0][..], &[0], &[0], &[1], &[0, 1], &[1, 0], &[2, 0]];
        let day = self.one_in(2);
        let asked = if day {
            let from = origin() + i64::try_from(self.below(11)).unwrap() * DAY;
            Span { from, to: from + DAY }
        } else {
            let from = self.time() - i64::from(self.one_in(4));
            Span { from, to: from + 1 }
        };
        let late = origin() + DAYS * DAY - 1;
        let now = if self.one_in(2) { late } else { self.time() + i64::from(self.one_in(4)) };
        let devices = devices[usize::try_from(self.below(7)).unwrap()].to_vec();
        Question { devices, asked, day, now }
    }
}

fn origin() -> i64 {
    at("2025-05-01").0
}

impl Span {
    fn meets(self, other: Self) -> bool {
        self.from.max(other.from) < self.to.min(other.to)
    }

    fn holds(self, instant: i64) -> bool {
        (self.from..self.to).contains(&instant)
    }
}

impl Question {
    /// A day that begins the moment something ended is the day on which it ended, as far as dates can tell.
    fn touches(&self, span: Span) -> bool {
        span.meets(self.asked) || self.day && span.to == self.asked.from
    }

    fn as_of(&self) -> AsOf {
        let (from, to) = (Timestamp(self.asked.from), Timestamp(self.asked.to));
        if self.day { AsOf::Day { from, to } } else { AsOf::At(from) }
    }
}

/// Who held a number without a gap: the runs of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    number: usize,
    holder: u64,
    span: Span,
}

impl History {
    fn device(&self, device: usize) -> String {
        format!("cuid:h{}_{device}", self.name)
    }

    fn number(&self, number: usize) -> String {
        format!("199{:08}", self.name * 3 + u64::try_from(number).unwrap())
    }

    fn feed(&self, bindings: &mut String, tenures: &mut String) {
        let end = |to: i64| if to == i64::MAX { String::new() } else { Timestamp(to).to_string() };
        for (number, rows) in self.rows.iter().enumerate() {
            for Row { span, holder, out, suspended } in rows {
                let network = if *out { "out" } else { "own" };
                let status = if *suspended { "suspended" } else { "active" };
                let (from, to, number) = (Timestamp(span.from), end(span.to), self.number(number));
                writeln!(tenures, "{number},h{holder},{from},{to},{network},{status}").unwrap();
            }
        }
        for Bound { device, number, span, primary } in &self.bounds {
            let (device, number) = (self.device(*device).replace(':', ","), self.number(*number));
            let (from, to, primary) = (Timestamp(span.from), end(span.to), u8::from(*primary));
            writeln!(bindings, "{device},{number},{from},{to},{primary}").unwrap();
        }
    }

    fn holds(&self, number: usize) -> Vec<Hold> {
        let mut holds: Vec<Hold> = Vec::new();
        for Row { span, holder, .. } in &self.rows[number] {
            match holds.last_mut() {
                Some(last) if last.holder == *holder && span.from <= last.span.to => {
                    last.span.to = last.span.to.max(span.to);
                }
                _ => holds.push(Hold { number, holder: *holder, span: *span }),
            }
        }
        holds
    }

    fn answer(&self, question: &Question, floor: Option<i64>) -> Result<usize, Reason> {
        if question.asked.from > question.now {
            return Err(Reason::BadAsofFuture);
        }
        if floor.is_some_and(|floor| question.asked.from < floor) {
            return Err(Reason::HistoryExpired);
        }
        let answers: Vec<_> =
            question.devices.iter().map(|device| self.of_device(*device, question)).collect();
        let mut found: Vec<Hold> = answers.iter().filter_map(|answer| answer.ok()).collect();
        found.dedup();
        match found[..] {
            [one] => self.still(one, question.now).map(|()| one.number),
            [] => {
                let unheard_of = Err(Reason::NotFoundAsof);
                let telling = answers.iter().find(|answer| **answer != unheard_of).unwrap_or(&answers[0]);
                telling.map(|hold| hold.number)
            }
            _ => Err(Reason::AmbiguousDevice),
        }
    }

    fn of_device(&self, device: usize, question: &Question) -> Result<Hold, Reason> {
        let bounds = || self.bounds.iter().filter(move |bound| bound.device == device);
        let now_bound: Vec<&Bound> = bounds().filter(|bound| bound.span.meets(question.asked)).collect();
        let touched: BTreeSet<usize> =
            bounds().filter(|bound| question.touches(bound.span)).map(|bound| bound.number).collect();
        let first = now_bound.first().ok_or(Reason::NotFoundAsof)?;
        let number = if touched.len() == 1 {
            first.number
        } else {
            let holds = touched.iter().map(|number| self.held(*number, question));
            let holders: Result<BTreeSet<u64>, Reason> = holds.map(|hold| Ok(hold?.holder)).collect();
            let primary: BTreeSet<usize> =
                now_bound.iter().filter(|bound| bound.primary).map(|bound| bound.number).collect();
            match (holders.map(|holders| holders.len()), primary.len()) {
                (Ok(1), 1) => *primary.first().unwrap(),
                _ => return Err(Reason::AmbiguousDevice),
            }
        };
        self.held(number, question)
    }

    fn held(&self, number: usize, question: &Question) -> Result<Hold, Reason> {
        let all = self.holds(number);
        let then: Vec<&Hold> = all.iter().filter(|hold| hold.span.meets(question.asked)).collect();
        let touched = all.iter().filter(|hold| question.touches(hold.span)).count();
        match (then.first(), touched) {
            (None, _) => Err(Reason::NoTenureAsof),
            (Some(hold), 1) => Ok(**hold),
            _ => Err(Reason::AmbiguousTenure),
        }
    }

    fn still(&self, hold: Hold, now: i64) -> Result<(), Reason> {
        match self.holds(hold.number).into_iter().find(|other| other.span.holds(now)) {
            None => return Err(Reason::NumberDisconnected),
            Some(other) if other.holder != hold.holder => return Err(Reason::NumberReassigned),
            Some(other) if other != hold => return Err(Reason::NumberRetakenSameHolder),
            Some(_) => {}
        }
        let rows = self.rows[hold.number].iter().filter(|row| row.span.holds(now));
        match rows.max_by_key(|row| row.span).unwrap() {
            Row { out: true, .. } => Err(Reason::PortedOut),
            Row { suspended: true, .. } => Err(Reason::Suspended),
            _ => Ok(()),
        }
    }
}

/// Asks everything of one vault; gives how often each answer came.
fn ask_all(seed: u64, keys: &Arc<KeyRing>, seen: &mut BTreeMap<&'static str, u32>) {
    let mut dice = Dice(seed);
    let histories: Vec<History> = (0..HISTORIES).map(|name| dice.history(name)).collect();
    let (mut bindings, mut tenures) = (BINDINGS.to_owned(), TENURES.to_owned());
    histories.iter().for_each(|history| history.feed(&mut bindings, &mut tenures));
    let vault = crate::import(bindings.as_bytes(), tenures.as_bytes(), keys).unwrap();
    let floor = dice.one_in(4).then(|| origin() + 2 * DAY);
    let config = Config { history_floor: floor.map(Timestamp), ..Config::default() };
    let identity = Identity::new(Arc::clone(keys), vault, config);
    for history in &histories {
        let devices: Vec<EncryptedDeviceId> = (0..3).map(|device| edi(&history.device(device))).collect();
        for _ in 0..QUESTIONS {
            let question = dice.question();
            let asked: Vec<_> = question.devices.iter().map(|device| devices[*device].clone()).collect();
            let answer = identity.resolve(&asked, question.as_of(), Timestamp(question.now));
            let answer = answer.map(|contact| contact.number.digits().as_bytes().to_vec());
            let expected = history.answer(&question, floor);
            *seen.entry(expected.map_or_else(Reason::name, |_| "OK")).or_default() += 1;
            let expected = expected.map(|number| format!("86{}", history.number(number)).into_bytes());
            assert_eq!(answer, expected, "seed {seed}: {question:?} of {history:#?}");
            if dice.one_in(20) {
                let told = identity.explain(None, &asked, question.as_of(), Timestamp(question.now));
                assert_eq!(told.outcome.err(), answer.err(), "what is told is what is done");
                let text = told.to_string();
                assert!(!text.contains("1990") && !text.contains(&format!("h{}_", history.name)), "{text}");
            }
        }
    }
}

#[test]
//= type=test A-6.3.2.1-1
fn a_hundred_thousand_questions_are_answered_as_intervals_say() {
    let keys = keys();
    let half = |first| {
        let mut seen = BTreeMap::new();
        (first..VAULTS).step_by(2).for_each(|seed| ask_all(seed, &keys, &mut seen));
        seen
    };
    let mut seen = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut seen = half(0);
        for (answer, count) in other.join().unwrap() {
            *seen.entry(answer).or_default() += count;
        }
        seen
    });
    assert_eq!(seen.values().sum::<u32>(), 100_000);
    assert_eq!(seen.len(), 12, "every answer there is: {seen:?}");
    seen.retain(|_, count| *count < 300);
    assert!(seen.is_empty(), "each often: {seen:?}");
}
