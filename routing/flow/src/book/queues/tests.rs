use std::collections::HashMap;
use std::sync::Arc;

use veilgate_admission::{PlatformProfile, ProofPolicy, Registered, Registry, ShortForm};
use veilgate_names::{
    AsOf, AuthorizationId, EncryptedDeviceId, EnterpriseId, PlatformId, Pseudonym, ServiceNumber, Timestamp,
};

use super::super::tests::{channel, message, moment};
use super::*;
use crate::FlowRules;
use crate::turn::{LinkId, LinkPlace};

const RESIDENT: usize = 200;

/// One channel that sends ten messages each 100 ms, and two enterprises that send through it.
struct Street {
    book: Book,
    tenants: [(Arc<Registered>, ServiceNumber); 2],
    /// Whose each message is.
    of: HashMap<MessageId, usize>,
    next: u64,
    sent: [usize; 2],
    /// The longest that one waited, by enterprise.
    longest_ms: [u64; 2],
    entered_ms: HashMap<MessageId, u64>,
}

fn registered(enterprise: &str) -> Arc<Registered> {
    let form = ShortForm {
        authorization_id: &AuthorizationId::parse("au-1").unwrap(),
        enterprise_id: &EnterpriseId::parse(enterprise).unwrap(),
        pseudonym: &Pseudonym::parse("Zk3v8QpR2s").unwrap(),
        device: &EncryptedDeviceId::parse("edi1.k1.abc").unwrap(),
        as_of: AsOf::At(Timestamp(0)),
    };
    let profile = PlatformProfile {
        proof: ProofPolicy::Optional(None),
        short_form_lifetime: std::time::Duration::from_secs(86_400),
    };
    let platform = PlatformId::parse("pf-1").unwrap();
    Registry::new(1).register_short(form, &platform, &profile, Timestamp(0)).unwrap().authorization
}

impl Street {
    fn new() -> Self {
        Self::with(FlowRules { resident: RESIDENT, ..FlowRules::default() })
    }

    fn with(rules: FlowRules) -> Self {
        let mut book = Book::new(rules);
        let mut outcomes = Outcomes::default();
        book.configure(&[channel("s0", false)]);
        book.link_count(LinkPlace { link: LinkId(1), channel: 0, sends: true }, true, &mut outcomes);
        let tenant = |name: &str, number: &str| (registered(name), ServiceNumber::parse(number).unwrap());
        Self {
            book,
            tenants: [tenant("flood", "10690001"), tenant("other", "10690002")],
            of: HashMap::new(),
            next: 1,
            sent: [0; 2],
            longest_ms: [0; 2],
            entered_ms: HashMap::new(),
        }
    }

    fn live(&self, id: MessageId, at: Moment) -> Box<Live> {
        let (authorization, number) = &self.tenants[self.of[&id]];
        let mut live = message(id.0, authorization, at);
        live.service_number = *number;
        live.ordered = false;
        live
    }

    fn submit(&mut self, tenant: usize, count: usize, ms: u64) {
        for _ in 0..count {
            let id = MessageId(self.next);
            self.next += 1;
            self.of.insert(id, tenant);
            self.entered_ms.insert(id, ms);
            let live = self.live(id, moment(ms));
            self.book.take_in(live, moment(ms), &mut Outcomes::default());
            self.book.look_around();
        }
    }

    /// What the recalling thread does.
    fn recall(&mut self, ms: u64) {
        while self.book.wants_recall(moment(ms)) {
            let picked = self.book.pick(64, moment(ms));
            for picked in &picked {
                let live = self.live(picked.id, moment(ms));
                self.book.queue(live, moment(ms), &mut Outcomes::default());
            }
            self.book.parked.done();
            self.book.look_around();
            if picked.is_empty() {
                return;
            }
        }
    }

    fn send(&mut self, ms: u64) {
        for id in self.book.pop(0, 10, moment(ms)) {
            let tenant = self.of[&id];
            self.sent[tenant] += 1;
            self.longest_ms[tenant] = self.longest_ms[tenant].max(ms - self.entered_ms[&id]);
            self.book.remove(id, moment(ms), &mut Outcomes::default());
        }
        self.book.look_around();
    }

    /// Ten seconds in which each sends so many per 100 ms.
    fn run(&mut self, each: [usize; 2]) {
        for tick in 0..100 {
            let ms = tick * 100;
            for (tenant, count) in each.into_iter().enumerate() {
                self.submit(tenant, count, ms);
            }
            self.recall(ms);
            self.send(ms);
        }
    }
}

/// One floods with ten times what the channel carries, so that most of his wait on disk; the other, within his half, sends
/// as much as alone, and waits no longer.
#[test]
fn a_flood_costs_another_tenant_nothing() {
    let mut alone = Street::new();
    alone.run([0, 4]);
    let mut beside = Street::new();
    beside.run([100, 4]);
    assert_eq!((alone.sent, alone.longest_ms), ([0, 400], [0, 0]));
    assert_eq!((beside.sent[1], beside.longest_ms[1]), (400, 0));
    assert_eq!(beside.sent[0], 600, "the flood gets all the rest");
    assert!(beside.book.parked.len() > 9000, "{}", beside.book.parked.len());
}

/// Two that flood share the channel, also through the disk.
#[test]
fn two_floods_share_the_channel() {
    let mut street = Street::new();
    street.run([100, 50]);
    let [one, other] = street.sent;
    assert_eq!(one + other, 1000);
    assert!((450..=550).contains(&one), "{one} and {other}");
}

/// What an SMSC has and tells nothing of stays in memory; what waits on disk waits on.
#[test]
fn lines_wait_while_memory_is_full_of_messages_without_receipts() {
    let mut street = Street::with(FlowRules { resident: 20, max_in_memory: 40, ..FlowRules::default() });
    street.submit(0, 200, 0);
    let mut sent = Vec::new();
    for tick in 0..1000 {
        let ms = tick * 100;
        street.recall(ms);
        sent.extend(street.book.pop(0, 10, moment(ms)));
        street.book.look_around();
        assert!(street.book.len() <= 50, "{} are in memory", street.book.len());
        if tick == 500 {
            assert!((30..=50).contains(&sent.len()), "{} are sent", sent.len());
        }
        if tick >= 500 {
            for id in sent.drain(..) {
                street.book.remove(id, moment(ms), &mut Outcomes::default());
                street.sent[0] += 1;
            }
        }
    }
    assert_eq!(street.sent[0], 200);
}
