//! What must hold for any octets in the files of the subscriber feed, and in device IDs.

use std::sync::OnceLock;

use veilgate_identity::{Config, Identity, KeyRing, Vault, apply_changes, import};
use veilgate_names::{AsOf, EncryptedDeviceId, KeyId, Timestamp};

fn entropy() -> impl FnMut(&mut [u8]) {
    let mut state = 7_u8;
    move |octets: &mut [u8]| {
        for octet in octets {
            state = state.wrapping_mul(31).wrapping_add(11);
            *octet = state;
        }
    }
}

fn keys() -> &'static std::sync::Arc<KeyRing> {
    static KEYS: OnceLock<std::sync::Arc<KeyRing>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let keys = KeyRing::generate(&[1; 32], &mut entropy()).unwrap();
        keys.import_edi_key(&KeyId::parse("k1").unwrap(), *b"notary's key k1.", true);
        std::sync::Arc::new(keys)
    })
}

/// The octets, cut at each 0xFF, are bindings, tenures and changes; all of them are a device ID as well.
pub(crate) fn check(input: &[u8]) {
    let mut files = input.splitn(3, |octet| *octet == 0xFF);
    let [bindings, tenures, changes] = [(); 3].map(|()| files.next().unwrap_or_default());
    let vault = match import(bindings, tenures, keys()) {
        Ok(vault) => vault,
        Err(error) => {
            let _ = format!("{error} {error:?}");
            Vault::default()
        }
    };
    match apply_changes(&vault, changes, keys()) {
        Ok(changed) => {
            assert!(apply_changes(&changed, changes, keys()).is_ok(), "a file may be applied twice")
        }
        Err(error) => {
            let _ = format!("{error} {error:?}");
        }
    }
    let mut octets = Vec::new();
    vault.write_to(&mut octets, keys()).unwrap();
    assert!(Vault::read_from(&octets[..], keys()).is_ok(), "a vault reads back");
    let _ = Vault::read_from(input, keys());
    let Some(device) = std::str::from_utf8(input).ok().and_then(|text| EncryptedDeviceId::parse(text).ok())
    else {
        return;
    };
    let identity = Identity::new(std::sync::Arc::clone(keys()), vault, Config::default());
    let as_of = AsOf::parse("2026-03-01").unwrap();
    let _ = format!("{:?}", identity.resolve(&[device], as_of, Timestamp(1_772_416_800_000)));
}
