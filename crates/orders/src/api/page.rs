//! Page tokens of the lists of orders: the last order id of a page.

use shop_proto::page::{self, BadToken};
use shop_types::{CustomerId, OrderId};

/// The token that continues the list of `customer` (`None`: of all) after `last`.
pub(super) fn token(customer: Option<&CustomerId>, last: OrderId) -> String {
    page::encode(&kind(customer), last.as_bytes())
}

/// The order id in a token of the list of `customer`.
pub(super) fn read(customer: Option<&CustomerId>, token: &str) -> Result<OrderId, BadToken> {
    let position = page::decode(&kind(customer), token)?;
    let id = <[u8; 16]>::try_from(position).map_err(|_length| BadToken)?;
    Ok(OrderId::from_bytes(id))
}

/// Each customer has a list; no customer is called nothing.
fn kind(customer: Option<&CustomerId>) -> String {
    customer.map_or_else(
        || "orders".to_owned(),
        |customer| format!("orders/{}", customer.as_str()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_bound_to_its_list() {
        let ada = CustomerId::new("ada").unwrap();
        let bob = CustomerId::new("bob").unwrap();
        let last = OrderId::at(1_763_675_000_123);
        let lists = [None, Some(&ada), Some(&bob)];
        for of in lists {
            for with in lists {
                let expected = if of == with { Ok(last) } else { Err(BadToken) };
                assert_eq!(read(with, &token(of, last)), expected);
            }
        }
        for other in [
            page::encode("payments", last.as_bytes()),
            page::encode("orders", b"short"),
        ] {
            assert_eq!(read(None, &other), Err(BadToken));
        }
    }
}
