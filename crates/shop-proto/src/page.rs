//! Page tokens: opaque to callers, and known again by the service that made them.
//!
//! A token carries its position and a checksum over position and *kind* (the
//! list it belongs to, with its filter), so that a token that was cut, made up
//! or taken from another list is told apart from a good one. It is no secret
//! and no signature: whoever forges one sees only what the list shows anyway.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The longest token that is looked at, in characters.
pub const TOKEN_CHARACTERS_MAX: usize = 512;

/// The token was not made for this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must come from the page before, unchanged and with the same filter")]
pub struct BadToken;

/// Makes the token of a position in the list `kind`.
#[must_use]
pub fn encode(kind: &str, position: &[u8]) -> String {
    let mut bytes = checksum(kind, position).to_be_bytes().to_vec();
    bytes.extend_from_slice(position);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position in the list `kind` that a token stands for.
///
/// # Errors
///
/// [`BadToken`] for anything that [`encode`] didn't make for this list.
pub fn decode(kind: &str, token: &str) -> Result<Vec<u8>, BadToken> {
    if token.len() > TOKEN_CHARACTERS_MAX {
        return Err(BadToken);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_text| BadToken)?;
    let (sum, position) = bytes.split_first_chunk().ok_or(BadToken)?;
    if u64::from_be_bytes(*sum) != checksum(kind, position) {
        return Err(BadToken);
    }
    Ok(position.to_vec())
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): catches accidents, not attackers.
fn checksum(kind: &str, position: &[u8]) -> u64 {
    let bytes = kind.bytes().chain([0]).chain(position.iter().copied());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_tokens_of_this_list_are_taken() {
        let token = encode("orders/customer-1", b"position");
        assert_eq!(decode("orders/customer-1", &token).unwrap(), b"position");
        assert_eq!(decode("orders/customer-2", &token), Err(BadToken));
        for bad in ["", "AAAA", "not base64!", &token[1..], &"A".repeat(600)] {
            assert_eq!(decode("orders/customer-1", bad), Err(BadToken), "{bad}");
        }
    }

    #[test]
    fn a_changed_character_is_seen() {
        let ours = encode("payments", &[7; 16]);
        for at in 0..ours.len() {
            let mut changed = ours.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(
                decode("payments", &changed),
                Err(BadToken),
                "character {at}"
            );
        }
    }
}
