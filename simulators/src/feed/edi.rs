//! Encrypted device IDs as the notary makes them: SM4-GCM over `type:value`.

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sm4::Sm4;

/// A key that is not 16 octets of hexadecimal, or a device ID that could not be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdiError {
    /// The key.
    #[error("an EDI key is 32 hexadecimal digits")]
    Key,
    /// The encryption.
    #[error("encryption failed")]
    Encrypt,
}

/// Makes encrypted device IDs under one key.
pub struct EdiMaker {
    prefix: String,
    cipher: AesGcm<Sm4, U12>,
}

impl EdiMaker {
    /// For key id `kid` and the key in hexadecimal.
    ///
    /// # Errors
    /// [`EdiError::Key`].
    pub fn new(kid: &str, key: &str) -> Result<Self, EdiError> {
        let octets = hexadecimal(key).ok_or(EdiError::Key)?;
        let cipher = AesGcm::new_from_slice(&octets).map_err(|_| EdiError::Key)?;
        Ok(Self { prefix: format!("edi1.{kid}"), cipher })
    }

    /// `edi1.<kid>.<base64url(nonce ‖ ciphertext ‖ tag)>`.
    ///
    /// # Errors
    /// [`EdiError::Encrypt`].
    pub fn make(&self, kind: &str, value: &str, nonce: [u8; 12]) -> Result<String, EdiError> {
        let plain = format!("{kind}:{value}");
        let payload = Payload { msg: plain.as_bytes(), aad: self.prefix.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce.into(), payload).map_err(|_| EdiError::Encrypt)?;
        let octets = [nonce.as_slice(), &sealed].concat();
        Ok(format!("{}.{}", self.prefix, URL_SAFE_NO_PAD.encode(octets)))
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() != 32 {
        return None;
    }
    let digit = |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three of the vectors made with GmSSL.
    #[test]
    fn independent_vectors_are_met() {
        let key = "e95e53c2e6ebdeb85693ecf08d47b41d";
        let cases = [
            (
                "k1",
                "d180119798761499cc9b8c7e",
                "zxid",
                "02fc66d8c64298fbdf496f70",
                "edi1.k1.0YARl5h2FJnMm4x-lhyXl3SmUAh8FEoL-qzidpmkHKncuxq0lBRoQErn8cfWlquASHDOCViDtmOe",
            ),
            (
                "k1",
                "3abbe98010dd283c987775a4",
                "imei",
                "137928515452462",
                "edi1.k1.OrvpgBDdKDyYd3WklAlBbtxyRPiOQcP3YQ6QJhWWVUwzI23nHASgHSXwJRvHfz3e",
            ),
            (
                "k2",
                "888a0e0939b5cd1134f6e278",
                "idfa",
                "A0808714-EB5A-4D3A-3D09-4C7283F006B1",
                "edi1.k2.iIoOCTm1zRE09uJ4ESfs1KxjOubiqjP55yyE1W5nxpJGasugWYCsCaKxuJiYMsTkuv0TPk_YGCoGDiQewMT7AHtjSoRJ",
            ),
        ];
        for (kid, nonce, kind, value, text) in cases {
            let padded = hexadecimal(&format!("{nonce}00000000")).unwrap();
            let made = EdiMaker::new(kid, key).unwrap().make(kind, value, padded[..12].try_into().unwrap());
            assert_eq!(made.unwrap(), text);
        }
        assert!(EdiMaker::new("k1", "short").is_err());
    }
}
