//! Inventory over gRPC.

use std::sync::Arc;

use futures_core::future::BoxFuture;
use shop_proto::errors;
use shop_proto::inventory::{
    CommitRequest, PricedReservationLine, ReleaseRequest, ReservationLine, ReserveRequest,
    ReserveResponse, inventory_service_client::InventoryServiceClient,
};
use shop_types::{Money, OrderId};
use tonic::Status;
use watertight::GrpcChannel;
use watertight_core::Deadline;

use super::{request, unknown};
use crate::model::{Line, Priced, Reason, Rejection};
use crate::service::{Call, Refusal, Reply, Stock};

/// [`Stock`] over a channel to inventory.
#[derive(Clone, Debug)]
pub struct InventoryClient {
    grpc: InventoryServiceClient<GrpcChannel>,
}

impl InventoryClient {
    /// Inventory at the other end of `channel`.
    #[must_use]
    pub fn new(channel: GrpcChannel) -> Self {
        let grpc = InventoryServiceClient::new(channel);
        Self {
            grpc: grpc.max_decoding_message_size(shop_proto::MESSAGE_BYTES_MAX),
        }
    }
}

impl Stock for InventoryClient {
    fn reserve<'a>(
        &'a self,
        deadline: Deadline,
        id: OrderId,
        lines: &'a [Line],
    ) -> BoxFuture<'a, Reply> {
        let mut grpc = self.grpc.clone();
        let message = ReserveRequest {
            order_id: id.to_string(),
            lines: to_wire(lines),
        };
        Box::pin(async move {
            match grpc.reserve(request(deadline, message)).await {
                Ok(response) => priced(lines, &response.into_inner()).map_or_else(
                    || {
                        tracing::error!(order = %id, "inventory priced other lines than asked for");
                        Reply::Unknown
                    },
                    Reply::Reserved,
                ),
                Err(status) => not_reserved(&status),
            }
        })
    }

    fn commit(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        let mut grpc = self.grpc.clone();
        let message = CommitRequest {
            order_id: id.to_string(),
        };
        Box::pin(async move {
            match grpc.commit(request(deadline, message)).await {
                Ok(_committed) => Reply::Done,
                Err(status) => not_committed(&status),
            }
        })
    }

    fn release(&self, deadline: Deadline, id: OrderId) -> BoxFuture<'_, Reply> {
        let mut grpc = self.grpc.clone();
        let message = ReleaseRequest {
            order_id: id.to_string(),
        };
        Box::pin(async move {
            match grpc.release(request(deadline, message)).await {
                Ok(_released) => Reply::Done,
                Err(status) => unknown(Call::Release, &status),
            }
        })
    }
}

fn to_wire(lines: &[Line]) -> Vec<ReservationLine> {
    let wire = |line: &Line| ReservationLine {
        sku: line.sku.as_str().to_owned(),
        quantity: line.quantity.get(),
    };
    lines.iter().map(wire).collect()
}

fn not_reserved(status: &Status) -> Reply {
    let business = |reason, detail: Option<String>| {
        let detail = detail.unwrap_or_else(|| status.message().to_owned());
        Reply::Refused(Refusal::Business(Rejection::new(reason, detail)))
    };
    let sku = || errors::metadata(status, "sku");
    match errors::reason(status).as_deref() {
        Some("OUT_OF_STOCK") => business(Reason::OutOfStock, sku()),
        Some("SKU_NOT_FOUND") => business(Reason::UnknownSku, sku()),
        Some("MIXED_CURRENCY") => business(Reason::MixedCurrency, None),
        Some("TOTAL_OVERFLOW") => business(Reason::TotalOverflow, None),
        Some("RESERVATION_CLOSED") => Reply::Refused(Refusal::ReservationLost),
        _ => unknown(Call::Reserve, status),
    }
}

fn not_committed(status: &Status) -> Reply {
    match errors::reason(status).as_deref() {
        Some("RESERVATION_LOST" | "RESERVATION_CLOSED") => Reply::Refused(Refusal::ReservationLost),
        _ => unknown(Call::Commit, status),
    }
}

/// The lines with the prices of `response`; `None` unless it prices exactly
/// these, with prices that make the total.
fn priced(lines: &[Line], response: &ReserveResponse) -> Option<Priced> {
    let total = Money::try_from(response.total.as_ref()?).ok()?;
    if response.lines.len() != lines.len() {
        return None;
    }
    let priced = lines
        .iter()
        .zip(&response.lines)
        .map(|(line, at_its_place)| {
            let wire = if at_its_place.sku == line.sku.as_str() {
                at_its_place
            } else {
                response
                    .lines
                    .iter()
                    .find(|wire| wire.sku == line.sku.as_str())?
            };
            price(line, wire)
        });
    let priced: Arc<[Line]> = priced.collect::<Option<_>>()?;
    let sums = priced
        .iter()
        .filter_map(|line| line.unit_price?.times(line.quantity.get()).ok());
    let sum = Money::sum(sums).ok().flatten();
    (sum == Some(total)).then_some(Priced {
        lines: priced,
        total,
    })
}

fn price(line: &Line, wire: &PricedReservationLine) -> Option<Line> {
    if wire.quantity != line.quantity.get() {
        return None;
    }
    let unit_price = Money::try_from(wire.unit_price.as_ref()?).ok()?;
    Some(Line {
        unit_price: Some(unit_price),
        ..line.clone()
    })
}

#[cfg(test)]
mod tests {
    use shop_proto::common;
    use shop_types::{Currency, Quantity, Sku};

    use super::*;

    fn line(sku: &str, quantity: i64) -> Line {
        let (sku, quantity) = (Sku::new(sku).unwrap(), Quantity::new(quantity).unwrap());
        Line {
            sku,
            quantity,
            unit_price: None,
        }
    }

    fn wire(sku: &str, quantity: i64, minor: i64) -> PricedReservationLine {
        let unit_price = Some(common::Money::from(Money::new(minor, Currency::EUR)));
        PricedReservationLine {
            sku: sku.to_owned(),
            quantity,
            unit_price,
        }
    }

    fn response(lines: Vec<PricedReservationLine>, total: i64) -> ReserveResponse {
        let total = Some(common::Money::from(Money::new(total, Currency::EUR)));
        ReserveResponse {
            lines,
            total,
            expire_time: None,
        }
    }

    #[test]
    fn prices_are_taken_by_sku_in_any_order() {
        let asked = [line("tea", 2), line("jam", 1)];
        let answer = response(vec![wire("jam", 1, 300), wire("tea", 2, 100)], 500);
        let priced = priced(&asked, &answer).unwrap();
        assert_eq!(
            priced.lines[0].unit_price,
            Some(Money::new(100, Currency::EUR))
        );
        assert_eq!(priced.total, Money::new(500, Currency::EUR));
    }

    #[test]
    fn an_answer_that_does_not_fit_is_none() {
        let asked = [line("tea", 2)];
        let unknown = Some(common::Money {
            amount: 100,
            currency: "XXX".to_owned(),
        });
        for bad in [
            response(
                vec![PricedReservationLine {
                    unit_price: unknown,
                    ..wire("tea", 2, 0)
                }],
                200,
            ),
            response(vec![wire("tea", 2, 100)], 201),
            response(vec![wire("tea", 3, 100)], 300),
            response(vec![wire("jam", 2, 100)], 200),
            response(vec![wire("tea", 2, i64::MAX)], i64::MAX),
            response(vec![], 0),
            ReserveResponse {
                total: None,
                ..response(vec![wire("tea", 2, 100)], 200)
            },
        ] {
            assert_eq!(priced(&asked, &bad), None, "{bad:?}");
        }
    }
}
