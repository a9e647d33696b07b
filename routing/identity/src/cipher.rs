//! SM4-GCM, SM4-CBC for legacy device IDs, HMAC-SM3, each with its key schedule kept. Refuses to say why
//! something did not open.

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInOut, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sm3::Sm3;
use sm4::Sm4;
use sm4::cipher::{Block, BlockCipherDecrypt};
use subtle::{ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use veilgate_names::{EdiVersion, EncryptedDeviceId};
use zeroize::{Zeroize, Zeroizing};

/// Octets of a GCM nonce.
pub(crate) const NONCE: usize = 12;
/// Octets of a GCM tag.
pub(crate) const TAG: usize = 16;
/// The longest plaintext an encrypted device ID of 160 characters can hold, rounded up to blocks.
const PLAIN: usize = 128;

/// A sealed text did not open: other key, other associated data, or damage. It is not said which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text does not open")]
pub struct SealError;

/// SM4-GCM under one data key (RFC 8998's SM4 in GCM, tag of 16 octets).
pub struct Sealer {
    gcm: AesGcm<Sm4, U12>,
    version: u32,
}

impl Sealer {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        Self::of_version(key, 1)
    }

    /// The sealer of one version of a data key.
    pub(crate) fn of_version(key: &[u8; 16], version: u32) -> Self {
        Self { gcm: AesGcm::new(key.into()), version }
    }

    /// Which version of its data key this is, from 1. Who keeps what it seals keeps this too.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Appends `nonce12 ‖ ciphertext ‖ tag16` to `out`. The caller never gives a nonce twice.
    pub fn seal(&self, nonce: [u8; 12], aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let tag = out.get_mut(start + NONCE..).and_then(|body| self.seal_detached(nonce, aad, body));
        finish(tag, start, out);
    }

    /// The same behind what already lies open in `out` from `from` on: that becomes the associated data.
    pub fn seal_behind(&self, nonce: [u8; 12], from: usize, plain: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let tag = out.split_at_mut_checked(start + NONCE).and_then(|(open, body)| {
            self.seal_detached(nonce, open.get(from..start).unwrap_or_default(), body)
        });
        finish(tag, start, out);
    }

    /// Opens what [`Self::seal`] made under the same `aad`.
    ///
    /// # Errors
    /// [`SealError`] for anything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(SealError)?;
        let (body, tag) = rest.split_last_chunk::<TAG>().ok_or(SealError)?;
        let mut plain = body.to_vec();
        self.open_detached(*nonce, aad, &mut plain, tag)?;
        Ok(plain)
    }

    /// Encrypts in place; `None` only beyond GCM's length limit.
    pub(crate) fn seal_detached(&self, nonce: [u8; NONCE], aad: &[u8], body: &mut [u8]) -> Option<[u8; TAG]> {
        self.gcm.encrypt_inout_detached(&nonce.into(), aad, body.into()).ok().map(Into::into)
    }

    /// Decrypts in place; `body` is untouched when the tag is wrong.
    pub(crate) fn open_detached(
        &self,
        nonce: [u8; NONCE],
        aad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), SealError> {
        self.gcm
            .decrypt_inout_detached(&nonce.into(), aad, body.into(), &(*tag).into())
            .map_err(|_| SealError)
    }
}

/// Appends the tag. Without one, which happens only beyond GCM's 64 GiB, nothing readable may stay behind.
fn finish(tag: Option<[u8; TAG]>, start: usize, out: &mut Vec<u8>) {
    if let Some(tag) = tag {
        out.extend_from_slice(&tag);
    } else {
        if let Some(rest) = out.get_mut(start..) {
            rest.zeroize();
        }
        out.truncate(start);
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

/// HMAC-SM3 under one key, with both padded blocks already absorbed.
pub(crate) struct MacKey(Hmac<Sm3>);

impl MacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        // HMAC takes keys of any length; the block-sized form cannot fail.
        let mut block = Zeroizing::new([0; 64]);
        if key.len() <= block.len() {
            block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        } else {
            block.iter_mut().zip(<Sm3 as sm3::Digest>::digest(key)).for_each(|(to, from)| *to = from);
        }
        Self(Hmac::new((&*block).into()))
    }

    /// All 32 octets over the parts, one after the other.
    pub(crate) fn full(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The first 16 octets of [`Self::full`].
    pub(crate) fn short(&self, parts: &[&[u8]]) -> [u8; 16] {
        let full = self.full(parts);
        full.first_chunk().copied().unwrap_or_default()
    }

    /// A running MAC for streams.
    pub(crate) fn stream(&self) -> Hmac<Sm3> {
        self.0.clone()
    }
}

/// The key an encrypted device ID names, with both of its schedules.
pub(crate) struct EdiKey {
    gcm: Sealer,
    block: Sm4,
}

/// `<type>:<value>` as it was before encryption; wiped when dropped.
pub(crate) struct EdiPlain {
    octets: Zeroizing<[u8; PLAIN]>,
    len: usize,
}

impl EdiPlain {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

impl EdiKey {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        Self { gcm: Sealer::new(key), block: Sm4::new(key.into()) }
    }

    /// Decrypts; whatever is wrong, the answer is the same `None`.
    //= interfaces.md section 1, "encrypted device ID" and "legacy EDI"
    pub(crate) fn open(&self, edi: &EncryptedDeviceId) -> Option<EdiPlain> {
        let mut octets = Zeroizing::new([0; PLAIN]);
        let len = URL_SAFE_NO_PAD.decode_slice(edi.body(), octets.as_mut_slice()).ok()?;
        let sealed = octets.get_mut(..len)?;
        let (start, len) = match edi.version() {
            EdiVersion::Gcm => (NONCE, self.open_gcm(edi.associated_data().as_bytes(), sealed)?),
            EdiVersion::Legacy => (16, self.open_cbc(sealed)?),
        };
        octets.copy_within(start..start + len, 0);
        Some(EdiPlain { octets, len })
    }

    fn open_gcm(&self, aad: &[u8], sealed: &mut [u8]) -> Option<usize> {
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk_mut::<TAG>()?;
        self.gcm.open_detached(*nonce, aad, body, tag).ok()?;
        Some(body.len())
    }

    /// Every block is decrypted and every padding octet looked at before anything is decided.
    fn open_cbc(&self, sealed: &mut [u8]) -> Option<usize> {
        let (iv, body) = sealed.split_first_chunk_mut::<16>()?;
        if body.is_empty() || body.len() % 16 != 0 {
            return None;
        }
        let mut previous = *iv;
        for chunk in body.chunks_exact_mut(16) {
            let mut block = Block::<Sm4>::default();
            block.copy_from_slice(chunk);
            self.block.decrypt_block(&mut block);
            for ((out, plain), before) in chunk.iter_mut().zip(block).zip(&mut previous) {
                (*out, *before) = (plain ^ *before, *out);
            }
        }
        let padding = padding_length(body.last_chunk::<16>()?);
        Option::from(subtle::CtOption::new(
            body.len().saturating_sub(usize::from(padding)),
            !padding.ct_eq(&0),
        ))
    }
}

/// The PKCS#7 padding length 1-16, or 0 if the padding is wrong, in constant time.
fn padding_length(last: &[u8; 16]) -> u8 {
    let claimed = last[15];
    let mut good = !claimed.ct_eq(&0) & !claimed.ct_gt(&16);
    for (distance, octet) in (1_u8..).zip(last.iter().rev()) {
        let inside = !distance.ct_gt(&claimed);
        good &= !inside | octet.ct_eq(&claimed);
    }
    u8::conditional_select(&0, &claimed, good)
}

#[cfg(test)]
mod tests;
