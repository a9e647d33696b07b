//! What must hold for any octets that a notary sends as an authorization.

use veilgate_notary::Authorization;

/// What is read is written the same way again, and its proof covers the same text.
pub(crate) fn check(input: &[u8]) {
    let authorization = match Authorization::from_json(input) {
        Ok(authorization) => authorization,
        Err(error) => {
            let _ = format!("{error} {error:?}");
            return;
        }
    };
    assert!(input.len() <= Authorization::MAX_JSON);
    assert!((1..=Authorization::MAX_DEVICES).contains(&authorization.encrypted_device_ids.len()));
    let again = Authorization::from_json(&authorization.to_json()).unwrap();
    assert!(again == authorization);
    assert_eq!(again.canonical_text(), authorization.canonical_text());
    assert!(Authorization::from_record(&authorization.to_record()).unwrap() == authorization);
    let _ = format!("{authorization:?}");
}
