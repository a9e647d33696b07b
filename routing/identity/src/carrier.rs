//! A made-up carrier for the tests: keys, a notary that encrypts device IDs, and one valid device ID or number for any
//! short name.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sm4::Sm4;
use sm4::cipher::{BlockCipherEncrypt, KeyInit as _};
use veilgate_names::{AsOf, EncryptedDeviceId, KeyId, Timestamp};

use crate::cipher::Sealer;
use crate::keys::KeyRing;
use crate::resolve::{Config, Identity};

pub(crate) const EDI_KEY: [u8; 16] = *b"edi key of k1...";
pub(crate) const NOW: &str = "2025-11-21 12:00:00";

pub(crate) const BINDINGS: &str = "id_type,id,msisdn,from,to,primary\n";
pub(crate) const TENURES: &str = "msisdn,holder,from,to,network,status\n";

pub(crate) fn entropy(seed: u8) -> impl FnMut(&mut [u8]) {
    let mut state = u32::from(seed) + 1;
    move |buffer: &mut [u8]| {
        for octet in buffer {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *octet = state.to_be_bytes()[0];
        }
    }
}

/// A ring with the EDI key `k1`, which opens no legacy ciphertexts, and `k0`, which does.
pub(crate) fn keys() -> Arc<KeyRing> {
    let ring = KeyRing::generate(&[7; 16], &mut entropy(1)).unwrap();
    ring.import_edi_key(&KeyId::parse("k1").unwrap(), EDI_KEY, false);
    ring.import_edi_key(&KeyId::parse("k0").unwrap(), EDI_KEY, true);
    Arc::new(ring)
}

pub(crate) fn identity(keys: &Arc<KeyRing>, bindings: &str, tenures: &str) -> Identity {
    let vault = crate::import(bindings.as_bytes(), tenures.as_bytes(), keys).unwrap();
    Identity::new(Arc::clone(keys), vault, Config::default())
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn as_of(text: &str) -> AsOf {
    AsOf::parse(text).unwrap()
}

/// `type:value` as the notary encrypts it.
pub(crate) fn edi(plain: &str) -> EncryptedDeviceId {
    let mut sealed = Vec::new();
    Sealer::new(&EDI_KEY).seal([5; 12], b"edi1.k1", plain.as_bytes(), &mut sealed);
    EncryptedDeviceId::parse(&format!("edi1.k1.{}", URL_SAFE_NO_PAD.encode(sealed))).unwrap()
}

/// The legacy form, of any octets whose length is whole blocks.
pub(crate) fn legacy(kid: &str, padded: &[u8]) -> EncryptedDeviceId {
    let cipher = Sm4::new(&EDI_KEY.into());
    let mut sealed = vec![0x5a; 16];
    for chunk in padded.chunks(16) {
        let previous = sealed[sealed.len() - 16..].to_vec();
        let mut block = [0; 16];
        block.iter_mut().zip(chunk).zip(previous).for_each(|((to, plain), before)| *to = plain ^ before);
        let mut block = block.into();
        cipher.encrypt_block(&mut block);
        sealed.extend_from_slice(&block);
    }
    EncryptedDeviceId::parse(&format!("edi0.{kid}.{}", URL_SAFE_NO_PAD.encode(sealed))).unwrap()
}

pub(crate) fn pad(plain: &str) -> Vec<u8> {
    let count = 16 - plain.len() % 16;
    let mut padded = plain.as_bytes().to_vec();
    padded.resize(plain.len() + count, u8::try_from(count).unwrap());
    padded
}

/// A valid device ID of a type for a short name.
pub(crate) fn device(kind: &str, name: &str) -> String {
    let n = name.bytes().fold(0_u64, |n, b| n * 131 + u64::from(b));
    match kind.to_ascii_lowercase().as_str() {
        "imsi" => format!("46000{:010}", n % 10_000_000_000),
        "imei" => {
            let digits = format!("86{n:012}");
            let sum: u32 = digits.chars().enumerate().map(|(place, c)| luhn(place, c)).sum();
            format!("{digits}{}", (10 - sum % 10) % 10)
        }
        "oaid" => format!("00000000-0000-4000-8000-{n:012x}"),
        _ => name.to_owned(),
    }
}

fn luhn(place: usize, c: char) -> u32 {
    let digit = c.to_digit(10).unwrap();
    if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
}

/// The number `M<n>` stands for.
pub(crate) fn number(name: &str) -> String {
    format!("1990000{:04}", name.strip_prefix('M').unwrap().parse::<u32>().unwrap())
}

/// A feed of `subscribers` numbers, each with an IMSI and an IMEI since 2024.
pub(crate) fn feed(subscribers: u32) -> (String, String) {
    let (mut bindings, mut tenures) = (BINDINGS.to_owned(), TENURES.to_owned());
    for n in 0..subscribers {
        writeln!(tenures, "199{n:08},h{n},2023-01-01,,own,active").unwrap();
        writeln!(bindings, "imsi,46000{n:010},199{n:08},2024-01-01,,1").unwrap();
        writeln!(bindings, "cuid,c{n},199{n:08},2024-01-01,2025-01-01,0").unwrap();
    }
    (bindings, tenures)
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(octet).collect()
}
