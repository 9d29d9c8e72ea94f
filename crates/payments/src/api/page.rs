//! Page tokens: opaque to callers, and checked by us.
//!
//! A token is the last order id of a page and eight bytes of a hash over it, in
//! hexadecimal digits. The hash has no key: it finds tokens that aren't ours or
//! were cut short; a forged one could name any place in a list that its forger
//! may read anyway.

use sha2::{Digest, Sha256};
use shop_types::OrderId;

const ID_BYTES: usize = 16;
const CHECK_BYTES: usize = 8;
const TOKEN_BYTES: usize = ID_BYTES + CHECK_BYTES;

/// The token is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a page token of this service")]
pub(super) struct NotOurs;

/// The token that continues after `last`.
pub(super) fn token(last: OrderId) -> String {
    let bytes = last.as_bytes().iter().copied().chain(check(last));
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The order id in a token.
pub(super) fn read(token: &str) -> Result<OrderId, NotOurs> {
    if token.len() != 2 * TOKEN_BYTES || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(NotOurs);
    }
    let mut bytes = [0; TOKEN_BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        let digits = &token[2 * i..2 * i + 2];
        *byte = u8::from_str_radix(digits, 16).map_err(|_no_digit| NotOurs)?;
    }
    let mut id = [0; ID_BYTES];
    id.copy_from_slice(&bytes[..ID_BYTES]);
    let last = OrderId::from_bytes(id);
    match bytes[ID_BYTES..] == check(last) {
        true => Ok(last),
        false => Err(NotOurs),
    }
}

fn check(last: OrderId) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"shop.payments.v1 page token");
    hash.update(last.as_bytes());
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash.finalize()[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_tokens_are_read() {
        let last = OrderId::at(1_763_675_000_123);
        let ours = token(last);
        assert_eq!(read(&ours), Ok(last));
        for at in 0..ours.len() {
            let mut bytes = ours.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(read(&changed), Err(NotOurs), "digit {at} was changed");
        }
        for bad in ["x", "é".repeat(24).as_str(), &ours[2..], &ours.repeat(2)] {
            assert_eq!(read(bad), Err(NotOurs));
        }
    }
}
