//! The binary: `check-config`, `audit verify` and `demo`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::gateway::{Plan, password_hash};

fn veilgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_veilgate")).args(arguments).output().unwrap()
}

fn in_words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn check(folder: &Path, text: &str) -> Output {
    let path = folder.join("veilgate.toml");
    fs::write(&path, text).unwrap();
    veilgate(&["--config", path.to_str().unwrap(), "check-config"])
}

#[test]
fn check_config_names_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let good = format!(
        "data_dir = \"data\"\n\
         [[platforms]]\nid = \"notary-1\"\nproof = \"optional\"\n\
         [[enterprises]]\nid = \"ent-1\"\n\
         [[accounts]]\nsystem_id = \"shop\"\nkind = \"enterprise\"\nenterprise = \"ent-1\"\npassword_hash = \"{}\"\n\
         [[channels]]\nid = \"smsc-1\"\naddress = \"127.0.0.1:2776\"\nsystem_id = \"veilgate\"\n",
        password_hash()
    );
    let output = check(folder.path(), &good);
    assert!(output.status.success(), "{}", in_words(&output));
    for (from, to, line, key) in [
        ("id = \"smsc-1\"", "id = \"smsc-1\"\ncolour = 1", 14, "colour"),
        ("127.0.0.1:2776", "nowhere", 14, "address"),
        ("proof = \"optional\"", "proof = \"perhaps\"", 4, "proof"),
        ("enterprise = \"ent-1\"", "enterprise = \"ent-9\"", 10, "enterprise"),
        ("kind = \"enterprise\"", "kind = 7", 9, "kind"),
        ("data_dir = \"data\"", "data_dir = ", 1, ""),
    ] {
        let output = check(folder.path(), &good.replacen(from, to, 1));
        let words = in_words(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(&format!("veilgate.toml:{line}")), "{to}: {words}");
        assert!(words.contains(key), "{to}: {words}");
        assert_eq!(words.lines().count(), 1, "one clear line: {words}");
    }
    let missing = folder.path().join("missing.toml");
    let output = veilgate(&["--config", missing.to_str().unwrap(), "check-config"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(in_words(&output).contains("missing.toml"));
    assert_eq!(veilgate(&["--no-such-option"]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_verify_finds_a_tampered_line() {
    let mut gateway = Plan::new().registered().start().await;
    gateway.bind("shop").await.unbind().await;
    gateway.halt().await;
    let config = gateway.config_path().to_str().unwrap().to_owned();
    let verify = || veilgate(&["--config", &config, "audit", "verify"]);
    let output = verify();
    assert!(output.status.success(), "{}", in_words(&output));
    assert!(in_words(&output).contains("audit OK"));
    let audit = gateway.config().audit_file();
    let whole = fs::read_to_string(&audit).unwrap();
    fs::write(&audit, whole.replacen("shop", "shap", 1)).unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(1));
    assert!(in_words(&output).contains("audit.log"), "{}", in_words(&output));
    fs::write(&audit, whole).unwrap();
    gateway.stop().await;
}

#[test]
fn the_demo_ends_well() {
    let output = veilgate(&["demo", "--subscribers", "20"]);
    let words = in_words(&output);
    assert!(output.status.success(), "{words}");
    assert!(words.contains("audit chain OK") && words.contains("does not occur"), "{words}");
}
