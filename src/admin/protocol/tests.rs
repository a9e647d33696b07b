use std::path::PathBuf;

use veilgate_names::{AccountId, AuthorizationId, ChannelId, EnterpriseId, PlatformId};

use veilgate_ledger::ActorName;

use crate::keys::KeyCommand;

use super::{
    BalanceShown, Call, ChannelStatus, MAX_REQUEST, MAX_RESPONSE, PaymentAsked, Refusal, Request, Response,
    Status, TableStatus,
};

fn every_request() -> Vec<(Request, &'static str)> {
    let id = AuthorizationId::parse("au-1").unwrap();
    let channel = ChannelId::parse("smsc-1").unwrap();
    let path = PathBuf::from("/feed/a.csv");
    let (platform, enterprise) =
        (PlatformId::parse("notary-1").unwrap(), EnterpriseId::parse("ent-1").unwrap());
    let account = AccountId::parse("shop").unwrap();
    vec![
        (
            Request::Revoke { authorization_ids: vec![id] },
            r#"{"authorization_ids":["au-1"],"command":"revoke"}"#,
        ),
        (
            Request::AuthorizationsImport { platform: None, path: Some(path.clone()), lines: Vec::new() },
            r#"{"command":"authorizations-import","path":"/feed/a.csv"}"#,
        ),
        (
            Request::AuthorizationsImport { platform: None, path: None, lines: vec!["{}".to_owned()] },
            r#"{"command":"authorizations-import","lines":["{}"]}"#,
        ),
        (
            Request::IdentityImport { bindings: path.clone(), tenures: "/feed/b.csv".into() },
            r#"{"bindings":"/feed/a.csv","command":"identity-import","tenures":"/feed/b.csv"}"#,
        ),
        (
            Request::IdentityChanges { path: path.clone() },
            r#"{"command":"identity-changes","path":"/feed/a.csv"}"#,
        ),
        (
            Request::SegmentsImport { path: path.clone() },
            r#"{"command":"segments-import","path":"/feed/a.csv"}"#,
        ),
        (Request::PortabilityImport { path }, r#"{"command":"portability-import","path":"/feed/a.csv"}"#),
        (
            Request::AuthorizationsImport {
                platform: Some(platform),
                path: None,
                lines: vec!["{}".to_owned()],
            },
            r#"{"command":"authorizations-import","lines":["{}"],"platform":"notary-1"}"#,
        ),
        (Request::RevokeEnterprise { enterprise }, r#"{"command":"revoke-enterprise","enterprise":"ent-1"}"#),
        (
            Request::AccountFreeze { account: account.clone() },
            r#"{"account":"shop","command":"account-freeze"}"#,
        ),
        (Request::AccountUnfreeze { account }, r#"{"account":"shop","command":"account-unfreeze"}"#),
        (Request::Status {}, r#"{"command":"status"}"#),
        (Request::Reload {}, r#"{"command":"reload"}"#),
        (Request::Drain {}, r#"{"command":"drain"}"#),
        (
            Request::ChannelEnable { channel: channel.clone() },
            r#"{"channel":"smsc-1","command":"channel-enable"}"#,
        ),
        (Request::ChannelDisable { channel }, r#"{"channel":"smsc-1","command":"channel-disable"}"#),
        (
            Request::Keys { keys: KeyCommand::Retire { kid: "k1".parse().unwrap() } },
            r#"{"command":"keys","keys":{"action":"retire","kid":"k1"}}"#,
        ),
        (
            Request::TenantOffboard { tenant: "ent-1".parse().unwrap(), force: true },
            r#"{"command":"tenant-offboard","force":true,"tenant":"ent-1"}"#,
        ),
        (
            Request::Keys { keys: KeyCommand::RotateData { class: "text".parse().unwrap(), tenant: None } },
            r#"{"command":"keys","keys":{"action":"rotate-data","class":"text"}}"#,
        ),
    ]
}

#[test]
fn every_request_is_one_line_and_reads_back() {
    for (request, text) in every_request() {
        let call = Call { request, actor: None };
        let line = call.to_line().unwrap();
        assert_eq!(String::from_utf8(line.clone()).unwrap().trim_end(), text);
        assert_eq!(Call::parse(&line), Ok(call));
    }
}

#[test]
fn the_actor_stands_beside_the_command() {
    let line = br#"{"command":"status","actor":"zhang wei"}"#;
    let call = Call::parse(line).unwrap();
    assert_eq!(call.actor, ActorName::parse("zhang wei"));
    assert_eq!(Call::parse(&call.to_line().unwrap()), Ok(call));
}

#[test]
fn what_is_no_request_is_refused_without_repeating_it() {
    for (line, error) in [
        ("", "not JSON"),
        ("[1", "not JSON"),
        ("[]", "no such command"),
        ("{}", "no such command"),
        (r#"{"command":"+8613800138000"}"#, "no such command"),
        (r#"{"command":"status","+8613800138000":1}"#, "a field is unknown"),
        (r#"{"command":"revoke"}"#, "a field is missing"),
        (r#"{"command":"revoke","authorization_ids":["+86 138"]}"#, "a field has a wrong value"),
        (r#"{"command":"revoke","authorization_ids":13800138000}"#, "a field has a wrong value"),
        (r#"{"command":"authorizations-import"}"#, "nothing to import"),
        (r#"{"command":"authorizations-import","path":"a","lines":["b"]}"#, "nothing to import"),
        (r#"{"command":"identity-import","bindings":"a"}"#, "a field is missing"),
        (r#"{"command":"status","actor":7}"#, super::WRONG_ACTOR),
        (r#"{"command":"status","actor":"+8619900001234"}"#, super::WRONG_ACTOR),
        (r#"{"command":"status","actor":""}"#, super::WRONG_ACTOR),
    ] {
        assert_eq!(Call::parse(line.as_bytes()), Err(Refusal::new(error)), "{line}");
    }
}

#[test]
fn a_request_too_long_is_not_written() {
    let lines = vec!["x".repeat(MAX_REQUEST)];
    let call =
        Call { request: Request::AuthorizationsImport { platform: None, path: None, lines }, actor: None };
    assert!(call.to_line().is_err());
}

#[test]
fn responses_are_one_line_and_read_back() {
    let channel = ChannelStatus { channel: "smsc-1".to_owned(), enabled: true, ..ChannelStatus::default() };
    let status = Status { channels: vec![channel], ..Status::default() };
    for (response, start) in [
        (
            Response::Revoked { revoked: 1, already: 0, unknown: 0, stopped: 2 },
            r#"{"result":"revoked","revoked":1,"#,
        ),
        (
            Response::Imported { put: 1, tenures: 0, refused: vec![(3, "SCHEMA".to_owned())] },
            r#"{"result":"imported","put":1,"tenures":0,"refused":[[3,"SCHEMA"]]}"#,
        ),
        (
            Response::TableImported(TableStatus { rows: 1, version: "00ff".to_owned() }),
            r#"{"result":"table-imported","rows":1,"version":"00ff"}"#,
        ),
        (Response::Status(status), r#"{"result":"status","version":"#),
        (Response::Reloaded { accounts: 1, channels: 2, others: 3 }, r#"{"result":"reloaded","#),
        (
            Response::AccountSwitched { frozen: true, changed: false },
            r#"{"result":"account-switched","frozen":true,"changed":false}"#,
        ),
        (Response::Draining, r#"{"result":"draining"}"#),
        (Response::Switched { enabled: false }, r#"{"result":"switched","enabled":false}"#),
        (Response::refused("no"), r#"{"result":"refused","error":"no"}"#),
    ] {
        let line = response.to_line();
        assert!(line.starts_with(start.as_bytes()), "{}", String::from_utf8_lossy(&line));
        assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(serde_json::from_slice::<Response>(&line).unwrap(), response);
    }
    let long = Response::refused(&"x".repeat(MAX_RESPONSE));
    assert!(long.to_line().len() < 100);
}

#[test]
fn what_is_asked_and_told_of_balances_is_one_line_and_reads_back() {
    let [tenant, reference] = ["ent-1", "bank-17"].map(|name| name.parse().unwrap());
    let pay = Request::BalancePay(PaymentAsked { tenant, reference, millis: -45 });
    let line = r#"{"command":"balance-pay","millis":-45,"reference":"bank-17","tenant":"ent-1"}"#;
    for (request, line) in [
        (pay, line),
        (Request::BalanceShow { tenant: None }, r#"{"command":"balance-show"}"#),
        (
            Request::BalanceShow { tenant: Some("ent-1".parse().unwrap()) },
            r#"{"command":"balance-show","tenant":"ent-1"}"#,
        ),
    ] {
        let call = Call { request, actor: None };
        assert_eq!(String::from_utf8(call.to_line().unwrap()).unwrap().trim_end(), line);
        assert_eq!(Call::parse(line.as_bytes()), Ok(call));
    }
    for line in [
        r#"{"command":"balance-pay","millis":1,"reference":"r","tenant":"13800138000"}"#,
        r#"{"command":"balance-pay","millis":1.5,"reference":"r","tenant":"e"}"#,
    ] {
        assert_eq!(Call::parse(line.as_bytes()), Err(Refusal::new("a field has a wrong value")));
    }
    let shown = BalanceShown {
        tenant: "ent-1".parse().unwrap(),
        paid_in: -1,
        charged: 2,
        reserved: 3,
        credit: 4,
        available: -5,
    };
    let paid = Response::Paid { known: true, balance: shown.clone() };
    for response in [paid, Response::Balances { balances: vec![shown] }] {
        assert_eq!(serde_json::from_slice::<Response>(&response.to_line()).unwrap(), response);
    }
}
