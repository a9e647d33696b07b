//! Makes subscriber feeds and encrypted device IDs for tests and benches: subscriber `n` has a number from 1990000,
//! one tenure since 2023, one IMSI and one OAID since 2024. Only tests create numbers.

use std::fmt::Write as _;

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInOut, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sm4::Sm4;
use veilgate_names::EncryptedDeviceId;

/// A feed as its two CSV files.
pub(crate) struct Feed {
    /// `id_type,id,msisdn,from,to,primary`
    pub(crate) bindings: String,
    /// `msisdn,holder,from,to,network,status`
    pub(crate) tenures: String,
}

/// `subscribers` of them, at most ten million.
pub(crate) fn feed(subscribers: u32) -> Feed {
    let mut bindings = String::from("id_type,id,msisdn,from,to,primary\n");
    let mut tenures = String::from("msisdn,holder,from,to,network,status\n");
    for n in 0..subscribers {
        let number = number(n);
        writeln!(tenures, "{number},holder-{n},2023-01-01,,own,active").unwrap();
        writeln!(bindings, "imsi,{},{number},2024-01-01,,1", imsi(n)).unwrap();
        writeln!(bindings, "oaid,{},{number},2024-01-01T08:00:00+08:00,,0", oaid(n)).unwrap();
    }
    Feed { bindings, tenures }
}

/// A mainland number, bare.
pub(crate) fn number(n: u32) -> String {
    format!("199{n:08}")
}

/// An IMSI.
pub(crate) fn imsi(n: u32) -> String {
    format!("46000{n:010}")
}

/// An OAID.
pub(crate) fn oaid(n: u32) -> String {
    format!("{n:08x}-0000-4000-8000-000000000000")
}

/// `type:value` as a notary encrypts it under the key `k1`.
pub(crate) fn encrypt(key: [u8; 16], nonce: [u8; 12], plain: &str) -> EncryptedDeviceId {
    let cipher = AesGcm::<Sm4, U12>::new(&key.into());
    let mut body = plain.as_bytes().to_vec();
    let tag = cipher.encrypt_inout_detached(&nonce.into(), b"edi1.k1", body.as_mut_slice().into()).unwrap();
    let sealed = [&nonce[..], &body, &tag].concat();
    EncryptedDeviceId::parse(&format!("edi1.k1.{}", URL_SAFE_NO_PAD.encode(sealed))).unwrap()
}

/// Bytes that look random and are the same every time.
pub(crate) fn entropy() -> impl FnMut(&mut [u8]) {
    let mut state = 1_u64;
    move |buffer: &mut [u8]| {
        for octet in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *octet = state.to_be_bytes()[0];
        }
    }
}
