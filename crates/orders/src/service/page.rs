//! Page tokens that only their own list takes back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use shop_types::{CustomerId, OrderId};

/// Bytes of the check in a token: enough that no accident passes.
const CHECK_BYTES: usize = 12;

/// The token of the page after `last` in the list of `customer` (`None`: of all).
///
/// It carries the id and a check over id and filter, so that a token of another
/// list, of another service or of nobody is told apart. It protects no secret:
/// who forges one sees nothing that the list wouldn't show.
#[must_use]
pub fn page_token(last: OrderId, customer: Option<&CustomerId>) -> String {
    let mut bytes = last.as_bytes().to_vec();
    bytes.extend(check(last, customer));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The id in `token`, if it is of this list.
#[must_use]
pub fn open_page_token(token: &str, customer: Option<&CustomerId>) -> Option<OrderId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (id, given) = bytes.split_first_chunk::<16>()?;
    let id = OrderId::from_bytes(*id);
    (given == check(id, customer)).then_some(id)
}

fn check(last: OrderId, customer: Option<&CustomerId>) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"orders.page.v1");
    hash.update(last.as_bytes());
    hash.update([u8::from(customer.is_some())]);
    hash.update(customer.map_or("", CustomerId::as_str));
    let digest: [u8; 32] = hash.finalize().into();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_bound_to_its_filter() {
        let (ada, bob) = (
            CustomerId::new("ada").unwrap(),
            CustomerId::new("bob").unwrap(),
        );
        let id = OrderId::at(1_000);
        let token = page_token(id, Some(&ada));
        assert_eq!(open_page_token(&token, Some(&ada)), Some(id));
        assert_eq!(open_page_token(&token, Some(&bob)), None);
        assert_eq!(open_page_token(&token, None), None);
        assert_eq!(open_page_token(&page_token(id, None), None), Some(id));
    }

    proptest! {
        #[test]
        fn nothing_else_passes(token in ".{0,60}") {
            prop_assert_eq!(open_page_token(&token, None), None);
        }

        #[test]
        fn a_changed_character_is_seen(at in 0_usize..37, to in "[A-Za-z0-9_-]") {
            let token = page_token(OrderId::at(1_000), None);
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            // The last character of the encoding carries no bits that could differ.
            prop_assume!(changed != token);
            prop_assert_eq!(open_page_token(&changed, None), None);
        }
    }
}
