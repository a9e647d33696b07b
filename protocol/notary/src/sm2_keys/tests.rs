use super::*;

// GM/T 0003.5-2012, appendix A (signature on the recommended curve).
const SECRET: &str = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";
const PUBLIC: &str = "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020\
                      CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13";
const R_S: &str = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3\
                   B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA";
const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECNd64EwBzEwRBDYN2K9rb33zNCg9\n\
    fBpq/VZSQHuHvuUBTipXw2wVDRYyTcZk4x5kMjWWCcTnmEelsWHIxzZMig==\n\
    -----END PUBLIC KEY-----\n";

fn known() -> (PublicKey, Signature) {
    (PublicKey::parse(PUBLIC).unwrap(), Signature(from_hex(R_S).unwrap()))
}

#[test]
fn the_standards_signature_is_accepted() {
    let (key, signature) = known();
    assert_eq!(key.verify(b"message digest", &signature), Ok(()));
    assert_eq!(key.verify(b"message digesu", &signature), Err(ProofError::Invalid));
    assert_eq!(SecretKey::parse(SECRET).unwrap().public_key(), key);
}

#[test]
fn every_flipped_bit_of_a_signature_is_refused() {
    let (key, signature) = known();
    for bit in 0..512 {
        let mut altered = signature;
        altered.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.verify(b"message digest", &altered), Err(ProofError::Invalid), "bit {bit}");
    }
    assert_eq!(key.verify(b"message digest", &Signature([0; 64])), Err(ProofError::Invalid));
    assert_eq!(key.verify(b"message digest", &Signature([0xff; 64])), Err(ProofError::Invalid));
}

#[test]
fn what_one_key_signs_another_does_not_verify() {
    let (one, two) = (SecretKey::from_bytes(&[1; 32]).unwrap(), SecretKey::from_bytes(&[2; 32]).unwrap());
    let signature = one.sign(b"text").unwrap();
    assert_eq!(one.sign(b"text").unwrap(), signature);
    assert_eq!(one.public_key().verify(b"text", &signature), Ok(()));
    assert_eq!(two.public_key().verify(b"text", &signature), Err(ProofError::Invalid));
}

#[test]
fn keys_are_read_from_hex_and_pem() {
    let key = PublicKey::parse(PUBLIC).unwrap();
    assert_eq!(key.to_hex(), PUBLIC.to_lowercase());
    assert_eq!(PublicKey::parse(&key.to_hex()).unwrap(), key);
    assert!(PublicKey::parse(PEM).unwrap().to_hex().starts_with("0408d77ae0"));
    assert_eq!(PublicKey::parse("04"), Err(KeyError::Form));
    assert_eq!(PublicKey::parse(&"04".repeat(65)), Err(KeyError::Value));
    assert_eq!(PublicKey::parse(&"é".repeat(65)), Err(KeyError::Form));
    assert_eq!(PublicKey::parse("-----BEGIN PUBLIC KEY-----"), Err(KeyError::Form));
    assert_eq!(SecretKey::parse(&"0".repeat(64)).unwrap_err(), KeyError::Value);
    assert_eq!(SecretKey::parse(&"f".repeat(64)).unwrap_err(), KeyError::Value);
}

#[test]
fn keys_print_nothing() {
    let key = SecretKey::from_bytes(&[1; 32]).unwrap();
    assert_eq!(format!("{key:?} {:?}", key.public_key()), "SecretKey(***) PublicKey(SM2)");
}

#[test]
fn signatures_are_64_octets_of_base64() {
    let (_, signature) = known();
    assert_eq!(Signature::from_base64(&signature.to_base64()), Ok(signature));
    assert_eq!(Signature::from_base64("AAAA"), Err(KeyError::Form));
    assert_eq!(Signature::from_base64("not base64!"), Err(KeyError::Form));
}
