//! The rules of stock and reservations, as plain values: no clock, no database.

use shop_types::{Money, MoneyError, OrderId, Quantity, Sku};

/// The most pieces that may ever come in for one SKU. A thousand times the
/// largest row of an import, and far from where sums overflow.
pub const RECEIVED_MAX: i64 = 1_000_000_000_000;
/// The most pieces of one import row or receipt.
pub const RECEIPT_MAX: i64 = 1_000_000_000;

/// The stock of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Stock keeping unit.
    pub sku: Sku,
    /// What it is called.
    pub name: String,
    /// Price of one piece.
    pub price: Money,
    /// How many pieces are where.
    pub pieces: Pieces,
    /// Grows with every change.
    pub version: i64,
}

/// How many pieces of a SKU are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// Can be reserved.
    pub available: i64,
    /// Held for orders.
    pub reserved: i64,
    /// Sold.
    pub sold: i64,
}

impl Pieces {
    /// All pieces that ever came in.
    #[must_use]
    pub const fn received(self) -> i64 {
        self.available + self.reserved + self.sold
    }

    /// The pieces after `quantity` of them have moved; `None` if fewer are there.
    #[must_use]
    pub fn moved(self, movement: Movement, quantity: Quantity) -> Option<Self> {
        let q = quantity.get();
        let Self {
            available,
            reserved,
            sold,
        } = self;
        let after = match movement {
            Movement::Hold => Self {
                available: available - q,
                reserved: reserved + q,
                sold,
            },
            Movement::GiveBack => Self {
                available: available + q,
                reserved: reserved - q,
                sold,
            },
            Movement::Sell => Self {
                available,
                reserved: reserved - q,
                sold: sold + q,
            },
            Movement::SellFree => Self {
                available: available - q,
                reserved,
                sold: sold + q,
            },
            Movement::Return => Self {
                available: available + q,
                reserved,
                sold: sold - q,
            },
        };
        (after.available >= 0 && after.reserved >= 0 && after.sold >= 0).then_some(after)
    }
}

/// How pieces move between the three places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// Available → reserved.
    Hold,
    /// Reserved → available.
    GiveBack,
    /// Reserved → sold.
    Sell,
    /// Available → sold, when the reservation had run out.
    SellFree,
    /// Sold → available.
    Return,
}

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// Held for the order until it expires.
    Reserved,
    /// Sold.
    Committed,
    /// Given back, or closed before it began. End.
    Released,
    /// Ran out and was given back. Only a commit can take it up again.
    Expired,
}

/// What is asked of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Hold the lines.
    Reserve,
    /// Sell them.
    Commit,
    /// Give them back, whatever became of them.
    Release,
    /// The time is up.
    Expire,
}

/// What follows from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing changes, the answer is the same as the first time.
    Same,
    /// Go to the state, moving all lines, or refuse if one can't move.
    Move(Reservation, Movement),
    /// Go to the state; no stock moves.
    Mark(Reservation),
    /// Refused; nothing changes.
    Refuse,
}

impl Reservation {
    /// Decides a request; `None` is an order that inventory hasn't seen.
    ///
    /// | | Reserve | Commit | Release | Expire |
    /// |---|---|---|---|---|
    /// | unseen | hold | refuse | mark released | same |
    /// | reserved | same | sell | give back | give back |
    /// | committed | same | same | return | same |
    /// | released | refuse | refuse | same | same |
    /// | expired | refuse | sell if free | mark released | same |
    #[must_use]
    pub const fn decide(state: Option<Self>, request: Request) -> Decision {
        use Decision::{Mark, Move, Refuse, Same};
        use Request::{Commit, Expire, Release, Reserve};
        match (state, request) {
            (None, Reserve) => Move(Self::Reserved, Movement::Hold),
            (Some(Self::Reserved), Commit) => Move(Self::Committed, Movement::Sell),
            (Some(Self::Reserved), Release) => Move(Self::Released, Movement::GiveBack),
            (Some(Self::Reserved), Expire) => Move(Self::Expired, Movement::GiveBack),
            (Some(Self::Committed), Release) => Move(Self::Released, Movement::Return),
            (Some(Self::Expired), Commit) => Move(Self::Committed, Movement::SellFree),
            // An unseen order is closed too, so that a late Reserve is refused.
            (None | Some(Self::Expired), Release) => Mark(Self::Released),
            (Some(Self::Reserved | Self::Committed), Reserve)
            | (Some(Self::Committed), Commit | Expire)
            | (Some(Self::Released), Release | Expire)
            | (None | Some(Self::Expired), Expire) => Same,
            (None | Some(Self::Released), Commit)
            | (Some(Self::Released | Self::Expired), Reserve) => Refuse,
        }
    }
}

/// A line that is to be reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Stock keeping unit.
    pub sku: Sku,
    /// Pieces.
    pub quantity: Quantity,
}

/// A reserved line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedLine {
    /// Stock keeping unit.
    pub sku: Sku,
    /// Pieces.
    pub quantity: Quantity,
    /// Price of one piece when it was reserved.
    pub unit_price: Money,
}

/// The sum of the lines; `None` for no lines, which have no currency.
///
/// # Errors
///
/// [`MoneyError`] for mixed currencies or a sum beyond 64 bits.
pub fn total(lines: &[PricedLine]) -> Result<Option<Money>, MoneyError> {
    let prices = lines
        .iter()
        .map(|line| line.unit_price.times(line.quantity.get()));
    Money::sum(prices.collect::<Result<Vec<_>, _>>()?)
}

/// A reservation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The lines with their prices.
    pub lines: Vec<PricedLine>,
    /// Their sum.
    pub total: Money,
    /// When it runs out, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// Why stock was not reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReserveRefusal {
    /// No such SKU in the catalogue.
    UnknownSku(Sku),
    /// Fewer pieces are available than the line asks for.
    OutOfStock {
        /// Stock keeping unit.
        sku: Sku,
        /// Pieces that are available.
        available: i64,
    },
    /// The lines' sum is no amount of money.
    Total(MoneyError),
    /// The order's reservation was released or ran out before.
    Closed(OrderId),
    /// The order has a reservation of other lines.
    OtherLines(OrderId),
}

/// One row of a catalogue, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// Stock keeping unit.
    pub sku: Sku,
    /// What it is called.
    pub name: String,
    /// Price of one piece.
    pub price: Money,
    /// Pieces received with the row, 0 to [`RECEIPT_MAX`].
    pub quantity: i64,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Number of the row in the import, from 1.
    pub row: i64,
    /// Field at fault.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request() -> impl Strategy<Value = Request> {
        prop::sample::select(vec![
            Request::Reserve,
            Request::Commit,
            Request::Release,
            Request::Expire,
        ])
    }

    proptest! {
        /// Whatever is asked in whatever order: the sum stays, nothing is
        /// negative, and the pieces are where the states say.
        #[test]
        fn pieces_never_appear_or_vanish(
            received in 0_i64..20,
            steps in prop::collection::vec((0_usize..4, request()), 0..60),
        ) {
            let quantities = [1, 3, 5, 8].map(|q| Quantity::new(q).unwrap());
            let mut pieces = Pieces { available: received, ..Pieces::default() };
            let mut states: [Option<Reservation>; 4] = [None; 4];
            for (order, request) in steps {
                match Reservation::decide(states[order], request) {
                    Decision::Move(state, movement) => {
                        if let Some(after) = pieces.moved(movement, quantities[order]) {
                            pieces = after;
                            states[order] = Some(state);
                        } else {
                            // Only taking from what is free can fail.
                            prop_assert!(matches!(movement, Movement::Hold | Movement::SellFree));
                        }
                    }
                    Decision::Mark(state) => states[order] = Some(state),
                    Decision::Same | Decision::Refuse => {}
                }
                let sum_of = |wanted| -> i64 {
                    states.iter().zip(quantities).filter(|(s, _)| **s == Some(wanted))
                        .map(|(_, q)| q.get()).sum()
                };
                prop_assert_eq!(pieces.received(), received);
                prop_assert!(pieces.available >= 0);
                prop_assert_eq!(pieces.reserved, sum_of(Reservation::Reserved));
                prop_assert_eq!(pieces.sold, sum_of(Reservation::Committed));
            }
        }

        /// A decision that was carried out gives `Same` when asked again.
        #[test]
        fn every_request_is_idempotent(
            before in prop::sample::select(vec![
                None,
                Some(Reservation::Reserved),
                Some(Reservation::Committed),
                Some(Reservation::Released),
                Some(Reservation::Expired),
            ]),
            request in request(),
        ) {
            if let Decision::Move(after, _) | Decision::Mark(after) = Reservation::decide(before, request) {
                prop_assert_eq!(Reservation::decide(Some(after), request), Decision::Same);
            }
        }
    }
}
