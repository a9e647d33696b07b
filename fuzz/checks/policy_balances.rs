//! What must hold for any octets that lie in the store as balances, charges, quotas, or with a message: no panic, and a
//! charge that is read is written the same again.

use veilgate_policy::{Balances, Charge, Quotas};

pub(crate) fn check(input: &[u8]) {
    if let Ok(charge) = Charge::from_octets(input) {
        assert_eq!(*charge.to_octets(), *input);
    }
    let (balances, quotas) = (Balances::default(), Quotas::default());
    let _ = balances.restore_charge(&[0; 8], input);
    for tag in *b"btq" {
        let _ = balances.restore(&quotas, &[tag; 17], input);
    }
    if let Some((key, value)) = input.split_at_checked(17) {
        let _ = balances.restore(&quotas, key, value);
    }
    let _ = quotas.unwritten(9);
    if let Some(folded) = balances.fold(9) {
        for record in &folded.balances {
            let _ = balances.restore(&quotas, &record.key, record.value.as_deref().unwrap_or_default());
        }
        balances.folded(folded);
    }
}
