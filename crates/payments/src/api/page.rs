//! Page tokens of the list of payments: the last order id of a page.

use shop_proto::page::{self, BadToken};
use shop_types::OrderId;

const LIST: &str = "payments";

/// The token that continues after `last`.
pub(super) fn token(last: OrderId) -> String {
    page::encode(LIST, last.as_bytes())
}

/// The order id in a token.
pub(super) fn read(token: &str) -> Result<OrderId, BadToken> {
    let position = page::decode(LIST, token)?;
    let id = <[u8; 16]>::try_from(position).map_err(|_length| BadToken)?;
    Ok(OrderId::from_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_tokens_are_read() {
        let last = OrderId::at(1_763_675_000_123);
        assert_eq!(read(&token(last)), Ok(last));
        for other in [
            page::encode("orders", last.as_bytes()),
            page::encode(LIST, b"short"),
        ] {
            assert_eq!(read(&other), Err(BadToken));
        }
    }
}
