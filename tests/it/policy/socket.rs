//! Objects over the ops socket, by the command line of the real binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use veilgate::admin::{Request, Response};
use veilgate::policy::{PolicyAnswer, PolicyCommand};

use super::{agent, audited, calendar};
use crate::gateway::{Gateway, Plan};

/// Runs `veilgate policy ...` beside the gateway.
async fn policy(gateway: &Gateway, arguments: &[&str]) -> Output {
    gateway.command(&[&["policy"], arguments].concat(), "").await
}

async fn done(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = policy(gateway, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn refused(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = policy(gateway, arguments).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_put_show_list_and_delete_objects() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Plan::new().start().await;
    let one = file(folder.path(), "one.json", &agent(1));
    let path = one.to_str().unwrap();
    assert!(done(&gateway, &["put", "tenants/a", path]).await.contains("added tenants/a (version 1)"));
    fs::write(&one, agent(2)).unwrap();
    let told = refused(&gateway, &["put", "tenants/a", path, "--expect", "7"]).await;
    assert!(told.contains("tenants/a") && told.contains("version 1"), "{told}");
    let told = done(&gateway, &["put", "tenants/a", path, "--expect", "1"]).await;
    assert!(told.contains("changed tenants/a (version 2): rate_per_second"), "{told}");
    assert!(done(&gateway, &["show", "tenants/a"]).await.contains("\"rate_per_second\": 2"));
    let listed = done(&gateway, &["list", "tenants"]).await;
    assert!(listed.starts_with("a  version 2, ") && listed.contains(":zhang"), "{listed}");
    fs::write(&one, "{\n  \"level\": \"agent\",\n  \"parent\": 7\n}").unwrap();
    let told = refused(&gateway, &["put", "tenants/a", path]).await;
    assert!(told.contains("one.json: tenants/a/parent: ") && told.contains("line 3"), "{told}");
    let told = refused(&gateway, &["delete", "tenants/a"]).await;
    assert!(told.contains("--yes"), "{told}");
    assert!(done(&gateway, &["show", "tenants/a"]).await.contains("agent"), "still there");
    assert!(
        done(&gateway, &["delete", "tenants/a", "--yes"]).await.contains("removed tenants/a (version 3)")
    );
    assert!(refused(&gateway, &["show", "tenants/a"]).await.contains("no such object"));
    assert_eq!(done(&gateway, &["history", "tenants/a"]).await.lines().count(), 3);
    let kinds = done(&gateway, &["kinds"]).await;
    assert!(kinds.contains("price-plans") && kinds.ends_with("policy 3\n"), "{kinds}");
    gateway.halt().await;
    let records = audited(&gateway, &["object_put", "object_removed"]);
    assert_eq!(records.len(), 3);
    assert!(records[0]["user"].as_str().unwrap().ends_with(":zhang"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Plan::new().start().await;
    let all: Vec<String> = (0..220).map(|n| calendar(&format!("c{n:04}"), 1)).collect();
    let all = file(folder.path(), "all.jsonl", &all.join("\n"));
    let told = done(&gateway, &["import", all.to_str().unwrap()]).await;
    assert!(told.ends_with("added 220, changed 0, removed 0, unchanged 0; policy 1\n"), "{told}");
    let exported = done(&gateway, &["export"]).await;
    assert_eq!(exported.lines().count(), 220);
    let few: Vec<&str> = exported.lines().take(10).collect();
    let few = file(folder.path(), "few.jsonl", &few.join("\n"));
    let few = few.to_str().unwrap();
    let told = refused(&gateway, &["import", few, "--replace"]).await;
    assert!(told.contains("--yes"), "{told}");
    let told = done(&gateway, &["import", few, "--replace", "--dry-run"]).await;
    assert!(told.ends_with("would be added 0, changed 0, removed 210, unchanged 10; policy 1\n"), "{told}");
    done(&gateway, &["import", few, "--replace", "--yes"]).await;
    assert_eq!(done(&gateway, &["export", "--kind", "calendars"]).await.lines().count(), 10);
    let csv = file(folder.path(), "more.csv", "id,level,parent\nx,agent,carrier\ny,duke,carrier\n");
    let told = refused(&gateway, &["import", csv.to_str().unwrap(), "--kind", "tenants"]).await;
    assert!(told.contains("more.csv: line 3: tenants/y/level: "), "{told}");
    assert_eq!(done(&gateway, &["kinds"]).await.lines().last(), Some("policy 2"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_about_what_is_not_there_are_refused() {
    let gateway = Plan::new().start().await;
    for command in [
        PolicyCommand::List { kind: "colours".to_owned(), after: None },
        PolicyCommand::Show { kind: "tenants".to_owned(), id: "a/b".to_owned() },
        PolicyCommand::History { kind: "tenants".to_owned(), id: "a".to_owned() },
        PolicyCommand::Delete { kind: "tenants".to_owned(), id: "a".to_owned(), expected_version: None },
        PolicyCommand::Put {
            kind: "tenants".to_owned(),
            id: "a".to_owned(),
            path: gateway.folder().join("nowhere.json"),
            expected_version: None,
        },
        PolicyCommand::Import {
            path: gateway.folder().to_path_buf(),
            kind: None,
            replace: true,
            dry_run: false,
            expected_policy: None,
        },
    ] {
        let answer = gateway.ops(Request::Policy { policy: command.clone() }).await;
        let Response::Policy { policy: PolicyAnswer::Refused { mistakes } } = answer else {
            panic!("{command:?}")
        };
        assert_eq!(mistakes.len(), 1, "{command:?}");
    }
    gateway.stop().await;
}
