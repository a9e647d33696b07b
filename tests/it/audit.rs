//! What the audit file says of a gateway's life: who did what, and whether it succeeded.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;
use veilgate::admin::client::call;
use veilgate::admin::{ActorName, Request, Response};
use veilgate_names::{AuthorizationId, ChannelId};
use veilgate_simulators::esme::{Client, ConnectOptions};

use crate::gateway::{Gateway, Plan};

//= ASCS A-7.6-1
//= type=test
#[tokio::test(flavor = "multi_thread")]
async fn staff_stand_by_name_and_every_end_has_its_record() {
    let plan = Plan::new().registered().config("[north]\nlockout_failures = 2");
    let mut gateway = plan.start().await;
    let party = gateway.bind("shop").await;
    party.unbind().await;
    party.closed().await;
    drop(party);
    for _ in 0..3 {
        let wrong = ConnectOptions::new(gateway.address(), "rival", "wrong");
        assert!(Client::connect(wrong).await.is_err());
    }
    let known = gateway.person(0).authorization.clone();
    let channel = ChannelId::parse("smsc-1").unwrap();
    let ids = [known.as_str(), "au-nobody"].map(|id| AuthorizationId::parse(id).unwrap());
    as_zhang(&gateway, Request::Revoke { authorization_ids: ids.to_vec() }).await;
    as_zhang(&gateway, Request::Reload {}).await;
    as_zhang(&gateway, Request::ChannelDisable { channel }).await;
    gateway.halt().await;
    let records = records(&gateway);
    let zhang = format!("operator:{}:zhang", own_uid());
    let zhang = zhang.as_str();
    let has = |name: &str, user: &str, success: bool, field: &str, value: &str| {
        let fits = |record: &&Value| {
            record["type"] == name
                && record["user"] == user
                && record["success"] == success
                && record[field] == value
        };
        let count = records.iter().filter(fits).count();
        assert_eq!(count, 1, "{name} {records:#?}");
    };
    has("unbound", "account:shop", true, "source", "127.0.0.1");
    has("account_locked", "account:rival", false, "source", "127.0.0.1");
    has("authorization_revoked", zhang, true, "authorization", &known);
    has("revocation_refused", zhang, false, "authorization", "au-nobody");
    has("reloaded", zhang, true, "part", "whole");
    has("channel_disabled", zhang, true, "channel", "smsc-1");
    has("channel_up", "system", true, "channel", "smsc-1");
    has("channel_down", "system", false, "channel", "smsc-1");
    gateway.stop().await;
}

async fn as_zhang(gateway: &Gateway, request: Request) {
    let socket = gateway.app().config().ops_socket();
    let zhang = ActorName::parse("zhang");
    let response = tokio::task::spawn_blocking(move || call(&socket, request, zhang)).await.unwrap().unwrap();
    assert!(!matches!(response, Response::Refused(_)), "{response:?}");
}

fn own_uid() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

fn records(gateway: &Gateway) -> Vec<Value> {
    let text = fs::read_to_string(gateway.config().audit_file()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
