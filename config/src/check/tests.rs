//! Each mistake that only the whole file shows, with the exact line the operator reads.

use std::path::Path;

use crate::Config;

const MINIMAL: &str = include_str!("../../examples/minimal.toml");

/// Loads the minimal example with `from` replaced by `to` and compares the one line.
#[track_caller]
fn refuses(from: &str, to: &str, line: &str) {
    assert!(MINIMAL.contains(from), "{from}");
    let text = MINIMAL.replacen(from, to, 1);
    let error = Config::load(Path::new("veilgate.toml"), &text).expect_err("a mistake").to_string();
    assert_eq!(error, line);
}

/// Like [`refuses`], with `more` appended; its first line is line 29 of the file.
#[track_caller]
fn refuses_appended(more: &str, line: &str) {
    let text = format!("{MINIMAL}{more}");
    let error = Config::load(Path::new("veilgate.toml"), &text).expect_err("a mistake").to_string();
    assert_eq!(error, line);
}

#[test]
fn ids_stand_once() {
    refuses_appended(
        "[[enterprises]]\nid = \"ent-1\"\n",
        "veilgate.toml:30: enterprises[1].id: \"ent-1\" is there twice",
    );
    refuses_appended(
        "[[platforms]]\nid = \"notary-1\"\nproof = \"optional\"\n",
        "veilgate.toml:30: platforms[1].id: \"notary-1\" is there twice",
    );
    refuses_appended(
        "[[accounts]]\nsystem_id = \"notary-1\"\nkind = \"enterprise\"\npassword_hash = \"$argon2id$m=1$YQ$YQ\"\n",
        "veilgate.toml:30: accounts[1].system_id: \"notary-1\" is there twice",
    );
    refuses_appended(
        "[[channels]]\nid = \"smsc-1\"\naddress = \"a:1\"\nsystem_id = \"\"\n",
        "veilgate.toml:30: channels[1].id: \"smsc-1\" is there twice",
    );
    refuses_appended(
        "[[service_numbers]]\nnumber = \"10690001\"\nenterprise = \"ent-1\"\n",
        "veilgate.toml:30: service_numbers[1].number: \"10690001\" is there twice",
    );
    refuses_appended(
        "[[edi_keys]]\nkid = \"k\"\nkey_file = \"a\"\n[[edi_keys]]\nkid = \"k\"\nkey_file = \"b\"\n",
        "veilgate.toml:33: edi_keys[1].kid: \"k\" is there twice",
    );
}

#[test]
fn the_master_key_comes_from_one_place() {
    let first = "data_dir = \"data\"";
    let line = MINIMAL.lines().position(|line| line.starts_with(first)).unwrap() + 2;
    let refuses = |more: &str, problem: &str| {
        let text = MINIMAL.replacen(first, &format!("{first}\nmaster_key = {{ {more} }}"), 1);
        let error = Config::load(Path::new("veilgate.toml"), &text).expect_err("a mistake").to_string();
        assert_eq!(error, format!("veilgate.toml:{line}: master_key{problem}"));
    };
    let token = "pkcs11 = { module = \"m\", token = \"t\", key = \"k\"";
    let many = ": more than one of file, descriptor and pkcs11";
    refuses("file = \"a\", descriptor = 3", many);
    refuses(&format!("descriptor = 3, {token}, pin_file = \"p\" }}"), many);
    let pin = ".pkcs11: exactly one of pin_file and pin_descriptor is needed";
    refuses(&format!("{token} }}"), pin);
    refuses(&format!("{token}, pin_file = \"p\", pin_descriptor = 4 }}"), pin);
    refuses("descriptor = 1024", ".descriptor: expected a whole number from 0 to 1023");
    refuses(
        &format!("{token}, pin_descriptor = -1 }}"),
        ".pkcs11.pin_descriptor: expected a whole number from 0 to 1023",
    );
    refuses(
        "pkcs11 = { module = \"m\", token = \"\", key = \"k\" }",
        ".pkcs11.token: expected a label of 1-32 characters",
    );
}

#[test]
fn device_id_keys_open_something_for_somebody() {
    let key = "[[edi_keys]]\nkid = \"k\"\nkey_file = \"a\"\n";
    refuses_appended(
        &format!("{key}allow_gcm = false\n"),
        "veilgate.toml:32: edi_keys[0].allow_gcm: false, and so is allow_legacy: the key could open nothing",
    );
    refuses_appended(
        &format!("{key}owner = \"notary-9\"\n"),
        "veilgate.toml:32: edi_keys[0].owner: there is no platform \"notary-9\"",
    );
}

#[test]
fn accounts_belong_to_somebody_known() {
    refuses(
        "platform = \"notary-1\"",
        "platform = \"notary-2\"",
        "veilgate.toml:15: accounts[0].platform: there is no platform \"notary-2\"",
    );
    refuses(
        "platform = \"notary-1\"",
        "",
        "veilgate.toml:12: accounts[0].platform: missing (kind is \"notary\")",
    );
    refuses(
        "platform = \"notary-1\"",
        "platform = \"notary-1\"\nenterprise = \"ent-1\"",
        "veilgate.toml:16: accounts[0].enterprise: not for an account of kind \"notary\"",
    );
    refuses(
        "kind = \"notary\"\nplatform = \"notary-1\"",
        "kind = \"enterprise\"\nenterprise = \"ent-2\"",
        "veilgate.toml:15: accounts[0].enterprise: there is no enterprise \"ent-2\"",
    );
    refuses(
        "kind = \"notary\"\nplatform = \"notary-1\"",
        "kind = \"enterprise\"",
        "veilgate.toml:12: accounts[0].enterprise: missing (kind is \"enterprise\")",
    );
    refuses(
        "kind = \"notary\"\n",
        "kind = \"enterprise\"\nenterprise = \"ent-1\"\n",
        "veilgate.toml:16: accounts[0].platform: not for an account of kind \"enterprise\"",
    );
}

#[test]
fn accounts_can_be_used() {
    refuses(
        "kind = \"notary\"",
        "kind = \"notary\"\nallow_from = []",
        "veilgate.toml:15: accounts[0].allow_from: empty: nobody could bind",
    );
    let fingerprint = "ab".repeat(32);
    refuses(
        "kind = \"notary\"",
        &format!("kind = \"notary\"\ncertificate_sha256 = \"{fingerprint}\""),
        "veilgate.toml:15: accounts[0].certificate_sha256: needs [north.tls]",
    );
    refuses(
        "kind = \"notary\"",
        "kind = \"notary\"\ndefault_service_number = \"10690002\"",
        "veilgate.toml:15: accounts[0].default_service_number: there is no service number \"10690002\"",
    );
    refuses_appended(
        "[[enterprises]]\nid = \"ent-2\"\n[[accounts]]\nsystem_id = \"b\"\nkind = \"enterprise\"\nenterprise = \"ent-2\"\npassword_hash = \"$argon2id$m=1$YQ$YQ\"\ndefault_service_number = \"10690001\"\n",
        "veilgate.toml:36: accounts[1].default_service_number: belongs to another enterprise",
    );
    refuses(
        "proof = \"optional\" ",
        "#",
        "veilgate.toml:5: platforms[0].public_key: missing (proof is \"required\")",
    );
}

#[test]
fn plain_smpp_stays_on_the_loopback() {
    refuses_appended(
        "[north]\nlisten = \"0.0.0.0:2775\"\n",
        "veilgate.toml:30: north.listen: plain SMPP beyond the loopback needs allow_plaintext = true; use [north.tls]",
    );
    let allowed = format!("{MINIMAL}[north]\nlisten = \"0.0.0.0:2775\"\nallow_plaintext = true\n");
    assert!(Config::load(Path::new("veilgate.toml"), &allowed).is_ok());
    refuses_appended(
        "[north]\nlisten = \"off\"\n",
        "veilgate.toml:30: north.listen: off, and there is no [north.tls]: nobody could bind",
    );
    refuses_appended(
        "[north]\nmax_connections = 8\n",
        "veilgate.toml:29: north.max_half_open: more than max_connections",
    );
}

#[test]
fn tls_files_exist_and_passwords_can_be_read() {
    let tls = "[north.tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\nclient_ca = \"ca.pem\"\n";
    refuses_appended(tls, "veilgate.toml:30: north.tls.certificate: no such file: a.pem");
    refuses_appended(
        &tls.replace("[north.tls]", "[north.tls]\nlisten = \"127.0.0.1:2775\""),
        "veilgate.toml:30: north.tls.listen: the same address as north.listen",
    );
    refuses(
        "password = \"secret\"",
        "password_file = \"none\"",
        "veilgate.toml:28: channels[0].password_file: file cannot be read: none",
    );
    refuses(
        "password = \"secret\"",
        "password = \"secret\"\npassword_file = \"none\"",
        "veilgate.toml:29: channels[0].password_file: there is a password too; keep one of the two",
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("long"), "more-than-eight\n").unwrap();
    let text = MINIMAL.replacen("password = \"secret\"", "password_file = \"long\"", 1);
    let error = Config::load(&folder.path().join("veilgate.toml"), &text).expect_err("too long");
    assert!(error.problem.starts_with("expected at most 8 printable ASCII characters in "), "{error}");
}

#[test]
fn service_numbers_lead_somewhere() {
    refuses(
        "enterprise = \"ent-1\"",
        "enterprise = \"ent-2\"",
        "veilgate.toml:21: service_numbers[0].enterprise: there is no enterprise \"ent-2\"",
    );
    refuses(
        "enterprise = \"ent-1\"",
        "enterprise = \"ent-1\"\nchannels = [\"smsc-1\",\n  \"smsc-2\"]",
        "veilgate.toml:23: service_numbers[0].channels[1]: there is no channel \"smsc-2\"",
    );
    refuses(
        "enterprise = \"ent-1\"",
        "enterprise = \"ent-1\"\nchannels = []",
        "veilgate.toml:22: service_numbers[0].channels: empty; leave it out for all channels",
    );
    refuses(
        "inbound_anchored = true ",
        "#",
        "veilgate.toml:19: service_numbers[0].inbound_anchored: must be true: replies to this number may come back only through the gateway",
    );
    refuses(
        "number = \"10690001\"",
        "extension_digits = 6\nnumber = \"106900011111111\"",
        "veilgate.toml:20: service_numbers[0].extension_digits: number and extension are more than 20 digits",
    );
}

#[test]
fn no_number_reads_like_another_with_its_extension() {
    let second = |number: &str, digits: u8| {
        format!(
            "[[service_numbers]]\nnumber = \"{number}\"\nenterprise = \"ent-1\"\nextension_digits = {digits}\ninbound_anchored = true\n"
        )
    };
    let same = "\"10690001\" with its extension digits reads the same";
    refuses_appended(
        &second("1069000155", 2),
        &format!("veilgate.toml:30: service_numbers[1].number: {same}"),
    );
    refuses_appended(
        &second("106900015", 1),
        &format!("veilgate.toml:30: service_numbers[1].number: {same}"),
    );
    refuses_appended(
        &second("106900", 2),
        "veilgate.toml:20: service_numbers[0].number: \"106900\" with its extension digits reads the same",
    );
    for (number, digits) in [("1069000155", 2), ("106900015", 2), ("10690001555", 0), ("10690002", 2)] {
        let text = format!("{MINIMAL}{}", second(number, digits));
        let loads = Config::load(Path::new("veilgate.toml"), &text).is_ok();
        assert_eq!(loads, number != "1069000155", "{number}");
    }
}

#[test]
fn channels_and_limits_fit_together() {
    refuses(
        "password = \"secret\"",
        "binds = [{ mode = \"receiver\" }]",
        "veilgate.toml:28: channels[0].binds: no transceiver and no transmitter: nothing could be sent",
    );
    refuses(
        "password = \"secret\"",
        "binds = [{ mode = \"transmitter\" }]",
        "veilgate.toml:28: channels[0].binds: no transceiver and no receiver: receipts and replies could not come back",
    );
    refuses(
        "password = \"secret\"",
        "reconnect_min = \"2m\"",
        "veilgate.toml:28: channels[0].reconnect_min: more than reconnect_max",
    );
    refuses_appended(
        "[flow]\nthrottle_backoff_min = \"1m\"\n",
        "veilgate.toml:30: flow.throttle_backoff_min: more than throttle_backoff_max",
    );
    refuses_appended(
        "[ops]\nready_channels = 2\n",
        "veilgate.toml:30: ops.ready_channels: more than there are channels",
    );
    refuses_appended(
        "[ops]\ntoken_file = \"tokens\"\nlisten = \"0.0.0.0:9464\"\n",
        "veilgate.toml:30: ops.token_file: tokens go over plain HTTP: the API needs ops.listen on the loopback, behind whatever ends TLS",
    );
    refuses_appended(
        "[flow]\ndefault_validity = \"200h\"\n",
        "veilgate.toml:30: flow.default_validity: more than max_validity",
    );
}
