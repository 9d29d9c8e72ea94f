//! What makes two orders the same under one key.

use sha2::{Digest, Sha256};

use crate::model::NewOrder;
use crate::store::Fingerprint;

/// The fingerprint of `new`: customer, lines in their order, payment method. The
/// key isn't part of it.
///
/// Every part is preceded by its length, so that no two bodies read the same.
/// What is kept under a key for days depends on it: a change needs a new prefix
/// and makes old keys differ.
#[must_use]
pub(super) fn fingerprint(new: &NewOrder) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(b"order.v1");
    text(&mut hash, new.customer.as_str());
    text(&mut hash, new.payment_method.as_str());
    hash.update(length(new.lines.len()));
    for line in new.lines.iter() {
        text(&mut hash, line.sku.as_str());
        hash.update(line.quantity.get().to_be_bytes());
    }
    hash.finalize().into()
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update(length(text.len()));
    hash.update(text);
}

fn length(length: usize) -> [u8; 8] {
    u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::testing::new_order;

    #[test]
    fn every_part_of_the_body_counts_and_the_key_does_not() {
        let base = fingerprint(&new_order("k1", "ada", &[("tea", 1), ("jam", 2)], "pm"));
        assert_eq!(
            base,
            fingerprint(&new_order("k2", "ada", &[("tea", 1), ("jam", 2)], "pm"))
        );
        for other in [
            new_order("k1", "bob", &[("tea", 1), ("jam", 2)], "pm"),
            new_order("k1", "ada", &[("tea", 1), ("jam", 2)], "pn"),
            new_order("k1", "ada", &[("tea", 2), ("jam", 2)], "pm"),
            new_order("k1", "ada", &[("jam", 2), ("tea", 1)], "pm"),
            new_order("k1", "ada", &[("tea", 1)], "pm"),
            new_order("k1", "adap", &[("tea", 1), ("jam", 2)], "m"),
        ] {
            assert_ne!(base, fingerprint(&other), "{other:?}");
        }
    }
}
