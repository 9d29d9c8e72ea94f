//! The lines of an order as one compact value in its row.
//!
//! An order is read and written whole, so a row per line would cost a B-tree
//! entry each and bring nothing. Protobuf, because fields can be added.

use std::sync::Arc;

use prost::Message;
use shop_types::{Currency, Money, Quantity, Sku};
use watertight_store::StepError;

use crate::model::Line;

#[derive(Clone, PartialEq, Message)]
struct StoredLines {
    #[prost(message, repeated, tag = "1")]
    lines: Vec<StoredLine>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredLine {
    #[prost(string, tag = "1")]
    sku: String,
    #[prost(int64, tag = "2")]
    quantity: i64,
    /// In minor units of the order's one currency.
    #[prost(int64, optional, tag = "3")]
    unit_price: Option<i64>,
}

/// The lines as bytes. Their currency is the order's and stands in its own column.
pub(super) fn encode(lines: &[Line]) -> Vec<u8> {
    let stored = lines.iter().map(|line| StoredLine {
        sku: line.sku.as_str().to_owned(),
        quantity: line.quantity.get(),
        unit_price: line.unit_price.map(Money::minor),
    });
    StoredLines {
        lines: stored.collect(),
    }
    .encode_to_vec()
}

/// The lines of `bytes`, with prices if there is a currency.
pub(super) fn decode(bytes: &[u8], currency: Option<Currency>) -> Result<Arc<[Line]>, StepError> {
    let stored = StoredLines::decode(bytes).map_err(|error| corrupt(&error))?;
    stored
        .lines
        .into_iter()
        .map(|line| decode_line(line, currency))
        .collect()
}

fn decode_line(line: StoredLine, currency: Option<Currency>) -> Result<Line, StepError> {
    let price = line.unit_price.zip(currency);
    Ok(Line {
        sku: Sku::new(line.sku).map_err(|error| corrupt(&error))?,
        quantity: Quantity::new(line.quantity).map_err(|error| corrupt(&error))?,
        unit_price: price.map(|(minor, currency)| Money::new(minor, currency)),
    })
}

fn corrupt(why: &dyn std::fmt::Display) -> StepError {
    StepError::Corrupt(format!("lines of an order: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_with_and_without_prices() {
        let mut lines = [Line {
            sku: Sku::new("tea").unwrap(),
            quantity: Quantity::new(3).unwrap(),
            unit_price: None,
        }];
        assert_eq!(decode(&encode(&lines), None).unwrap()[..], lines);
        lines[0].unit_price = Some(Money::new(0, Currency::EUR));
        assert_eq!(
            decode(&encode(&lines), Some(Currency::EUR)).unwrap()[..],
            lines
        );
    }

    #[test]
    fn nonsense_is_corrupt() {
        assert!(matches!(
            decode(&[1, 2, 3], None),
            Err(StepError::Corrupt(_))
        ));
    }
}
