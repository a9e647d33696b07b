//! The master key in a PKCS#11 token: SoftHSM2, which must be installed (`.ci/run` does).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Place, good, one_line};
use crate::kill::Process;

const PIN: &str = "73519";

/// A token of its own for a test, with two AES keys.
struct Token {
    conf: PathBuf,
    module: &'static str,
}

impl Token {
    fn new(folder: &Path) -> Self {
        let module = [
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib64/libsofthsm2.so",
            "/usr/local/lib/softhsm/libsofthsm2.so",
        ]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("this test needs SoftHSM2: apt-get install softhsm2");
        let store = folder.join("tokens");
        fs::create_dir(&store).unwrap();
        let conf = folder.join("softhsm2.conf");
        fs::write(&conf, format!("directories.tokendir = {}\nobjectstore.backend = file\n", store.display()))
            .unwrap();
        let token = Self { conf, module };
        token.util(&["--init-token", "--free", "--label", "carrier", "--so-pin", "12345678", "--pin", PIN]);
        for (label, id, octet) in [("first", "01", 7), ("second", "02", 8)] {
            let key = folder.join(label);
            fs::write(&key, [octet; 32]).unwrap();
            let path = key.to_str().unwrap();
            token.util(&[
                "--import", path, "--aes", "--token", "carrier", "--label", label, "--id", id, "--pin", PIN,
            ]);
        }
        token
    }

    fn util(&self, arguments: &[&str]) {
        good(
            &Command::new("softhsm2-util").env("SOFTHSM2_CONF", &self.conf).args(arguments).output().unwrap(),
        );
    }

    fn veilgate(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.env("SOFTHSM2_CONF", &self.conf);
        command
    }

    /// The line of the configuration.
    fn setting(&self, token: &str, key: &str) -> String {
        let module = self.module;
        format!(
            "master_key = {{ pkcs11 = {{ module = \"{module}\", token = \"{token}\", key = \"{key}\", pin_file = \"pin\" }} }}"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_keeps_the_master_key() {
    let place = Place::new().await;
    let token = Token::new(place.folder.path());
    let text = fs::read_to_string(&place.config).unwrap();
    let configure = |token_name: &str, key: &str| {
        fs::write(&place.config, &text).unwrap();
        place.configure(&token.setting(token_name, key));
    };
    place.write_key("pin", PIN);
    configure("carrier", "first");
    let start = || Process::start_by(token.veilgate(), &place.config, place.ops);
    let process = start().await;
    assert!(!place.path("data/master.key").exists());
    assert!(process.command(&["keys", "list"]).contains("master key: token"));
    process.stop();
    start().await.stop();
    let refusal = || one_line(&place.by(token.veilgate(), &[]));
    place.write_key("pin", "00000");
    assert!(refusal().contains("the token refuses the PIN"));
    place.write_key("pin", PIN);
    configure("nobody", "first");
    assert!(refusal().contains("there is no token of this name"));
    fs::write(&place.config, &text).unwrap();
    assert!(refusal().contains("keys.json: wrapped by a token, but [master_key] names none"));
    configure("carrier", "first");
    let mut process = start().await;
    // Another key of the token, while it runs; from then on the ring names it.
    process.command(&["keys", "rotate-master", "--new-label", "second"]);
    let ring = fs::read_to_string(place.path("data/keys.json")).unwrap();
    assert!(ring.contains("\"label\": \"second\""), "{ring}");
    assert!(
        one_line(&place.veilgate(&["keys", "rotate-master", "--new-label", "third"])).contains("no AES key")
    );
    assert!(one_line(&place.veilgate(&["keys", "rotate-master"])).contains("--new-label"));
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    start().await.stop();
    // Under another key than it says, the root does not open.
    fs::write(place.path("data/keys.json"), ring.replace("\"label\": \"second\"", "\"label\": \"first\""))
        .unwrap();
    assert!(refusal().contains("the key ring's root was wrapped by another key"));
    fs::write(place.path("data/keys.json"), ring).unwrap();
    start().await.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_moves_from_a_file_into_a_token_and_back() {
    let place = Place::new().await;
    let token = Token::new(place.folder.path());
    place.start().await.stop();
    place.write_key("pin", PIN);
    let in_file = fs::read_to_string(&place.config).unwrap();
    let in_token = format!("{}\n{in_file}", token.setting("carrier", "first"));
    let (file, other) = (place.path("file.toml"), place.path("token.toml"));
    fs::write(&file, &in_file).unwrap();
    fs::write(&other, &in_token).unwrap();
    let list = good(&place.veilgate(&["keys", "list"]));
    let moved = |to: &Path| {
        place.by(token.veilgate(), &["keys", "rotate-master", "--to-config", to.to_str().unwrap()])
    };
    good(&moved(&other));
    assert!(place.refusal().contains("wrapped by a token"));
    fs::write(&place.config, &in_token).unwrap();
    let process = Process::start_by(token.veilgate(), &place.config, place.ops).await;
    assert_eq!(process.command(&["keys", "list"]), list.replace("master key: file", "master key: token"));
    assert!(one_line(&moved(&file)).contains("stop the gateway first"));
    process.stop();
    good(&moved(&file));
    fs::write(&place.config, &in_file).unwrap();
    let process = place.start().await;
    assert_eq!(process.command(&["keys", "list"]), list);
    process.stop();
}
