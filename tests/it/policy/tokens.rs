//! Who may ask.

use std::fs;

use super::{Ask, TOKEN, agent, audited, ops, token_file, with_api};
use crate::gateway::Plan;

const OTHER: &str = "00112233445566778899aabbccddeeff";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_told_but_health_and_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    for token in [None, Some("wrong"), Some("")] {
        let answer = Ask { token, ..Ask::new("GET", "/v1/kinds") }.of(at).await;
        assert_eq!(answer.status, 401);
        assert!(answer.head.contains("www-authenticate: bearer") && answer.json()["error"].is_string());
    }
    let anonymous = Ask { token: None, ..Ask::new("PUT", "/v1/objects/tenants/a") };
    assert_eq!(anonymous.body(&agent(1)).of(at).await.status, 401);
    assert_eq!(gateway.http("/healthz").await.0, 200);
    assert_eq!(gateway.http("/metrics").await.0, 200);
    assert_eq!(Ask::new("GET", "/v1/objects/tenants/a").of(at).await.status, 404);
    for _ in 0..6 {
        Ask { token: Some("wrong"), ..Ask::new("GET", "/v1/kinds") }.of(at).await;
    }
    let locked = Ask::new("GET", "/v1/kinds").of(at).await;
    assert_eq!(locked.status, 429, "a source that guesses is not heard for a while");
    assert!(locked.head.contains("retry-after: 60"));
    assert_eq!(gateway.http("/healthz").await.0, 200);
    assert_eq!(gateway.metric("veilgate_ops_tokens_refused_total").await, Some(10.0));
    gateway.halt().await;
    let (refused, locked) = (audited(&gateway, &["ops_token_refused"]), audited(&gateway, &["ops_locked"]));
    assert_eq!((refused.len(), locked.len(), &refused[0]["source"]), (10, 1, &"127.0.0.1".into()));
    assert!(!gateway.log().contains(TOKEN));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_file_there_is_no_api() {
    let gateway = Plan::new().start().await;
    assert_eq!(Ask::new("GET", "/v1/kinds").of(ops(&gateway)).await.status, 404);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_reads_the_tokens_again() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let status = async |token| Ask { token: Some(token), ..Ask::new("GET", "/v1/kinds") }.of(at).await.status;
    token_file(&folder.path().join("tokens"), "nonsense\n");
    assert!(gateway.app().reload().await.is_err());
    assert_eq!(status(TOKEN).await, 200, "the old one stays");
    token_file(&folder.path().join("tokens"), &format!("console {OTHER}\n"));
    gateway.app().reload().await.unwrap();
    assert_eq!((status(TOKEN).await, status(OTHER).await), (401, 200));
    fs::remove_file(folder.path().join("tokens")).unwrap();
    gateway.stop().await;
}
