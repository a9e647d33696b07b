use std::sync::Arc;

use veilgate_names::{Category, ObjectId, Service};
use veilgate_policy::{BillOn, Billing, Charge, Decision, Refund, Rule};

use super::*;

fn object(name: &str) -> Option<ObjectId> {
    Some(ObjectId::parse(name).unwrap())
}

#[test]
fn what_was_decided_reads_back() {
    let plain = Ruled::unasked(NEVER);
    let charge = Charge {
        payer: object("agent-1").unwrap(),
        plan: object("plan-1").unwrap(),
        millis: 45,
        service: Service::Sms,
        units: 1,
        billing: Billing::new(BillOn::Delivered, &[Refund::Expired]),
    };
    let decision = Decision {
        rule: Some(Rule::Words),
        object: object("list-1"),
        policy: 17,
        category: Category::Marketing,
        signature: object("signature-1"),
        template: object("template-1"),
        flagged: true,
        charge: Some(charge),
        ..Decision::unasked()
    };
    let full = Ruled {
        decision: Arc::new(decision),
        is_counted: true,
        review: Review::Waiting,
        may_leave_early: true,
        asked_at: NEVER,
        lists: 0,
    };
    for ruled in [plain, full] {
        let mut octets = Vec::new();
        ruled.write(&mut octets);
        assert_eq!(Ruled::read(&octets).unwrap(), ruled);
        for cut in 0..octets.len() {
            assert!(Ruled::read(&octets[..cut]).is_err(), "cut at {cut}");
        }
    }
}
