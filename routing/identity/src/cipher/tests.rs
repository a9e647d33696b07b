use super::*;
use crate::carrier::unhex;

const KEY: [u8; 16] =
    [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10];

#[test]
fn rfc_8998_appendix_a_1() {
    let sealer = Sealer::new(&KEY);
    let nonce: [u8; 12] = unhex("00001234567800000000abcd").try_into().unwrap();
    let aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plain = unhex(concat!(
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd",
        "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
    ));
    let mut out = Vec::new();
    sealer.seal(nonce, &aad, &plain, &mut out);
    let sealed = unhex(concat!(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735",
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d",
        "83de3541e4c2b58177e065a9bf7b62ec"
    ));
    assert_eq!(out[12..], sealed);
    assert_eq!(sealer.open(&aad, &out).unwrap(), plain);
}

#[test]
fn any_change_keeps_it_shut() {
    let sealer = Sealer::new(&KEY);
    let mut out = Vec::new();
    sealer.seal([1; 12], b"aad", b"plain", &mut out);
    assert_eq!(sealer.open(b"other", &out), Err(SealError));
    for at in 0..out.len() {
        let mut bad = out.clone();
        bad[at] ^= 1;
        assert_eq!(sealer.open(b"aad", &bad), Err(SealError), "octet {at}");
        assert_eq!(sealer.open(b"aad", &out[..at]), Err(SealError), "cut at {at}");
    }
}

#[test]
fn hmac_takes_keys_of_any_length() {
    for length in [0, 16, 64, 65, 200] {
        let key = vec![7; length];
        let mut whole = <Hmac<Sm3> as KeyInit>::new_from_slice(&key).unwrap();
        whole.update(b"ab");
        assert_eq!(MacKey::new(&key).full(&[b"a", b"b"])[..], whole.finalize().into_bytes()[..]);
    }
}

#[test]
fn padding_is_checked_whole() {
    for pad in 1..=16_u8 {
        let mut block = [0xaa; 16];
        block[16 - usize::from(pad)..].fill(pad);
        assert_eq!(padding_length(&block), pad);
        block[16 - usize::from(pad)] ^= 0x40;
        assert_eq!(padding_length(&block), 0, "padding of {pad}");
    }
    assert_eq!(padding_length(&[0; 16]), 0);
    assert_eq!(padding_length(&[17; 16]), 0);
}
