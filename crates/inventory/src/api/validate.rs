//! From the wire to checked values; every answer names all fields at fault.

use std::collections::HashSet;

use shop_proto::errors::{Violations, invalid};
use shop_proto::{inventory as pb, page};
use shop_types::{Money, OrderId, Quantity, Sku};
use tonic::Status;

use super::errors::DOMAIN;
use crate::model::{CatalogRow, Line, RECEIPT_MAX};
use crate::store::Receipt;

/// Lines of a reservation and SKUs of a watcher.
const LINES_MAX: usize = 100;
/// Rows of a page.
const PAGE_MAX: u32 = 1_000;
const PAGE_DEFAULT: u32 = 100;
/// Characters of receipt and import ids.
const ID_CHARACTERS_MAX: usize = 255;
/// Characters of a name.
const NAME_CHARACTERS_MAX: usize = 200;

/// A page that is asked for.
pub(super) struct Page {
    pub(super) after: Option<Sku>,
    pub(super) size: u32,
}

pub(super) fn get_stock(request: &pb::GetStockRequest) -> Result<Sku, Status> {
    Sku::new(&*request.sku).map_err(|why| invalid(DOMAIN, "sku", why))
}

pub(super) fn order_id(text: &str) -> Result<OrderId, Status> {
    text.parse().map_err(|why| invalid(DOMAIN, "order_id", why))
}

pub(super) fn list_stock(request: &pb::ListStockRequest) -> Result<Page, Status> {
    let mut violations = Violations::default();
    let size = match u32::try_from(request.page_size) {
        Ok(0) => Some(PAGE_DEFAULT),
        Ok(size @ ..=PAGE_MAX) => Some(size),
        _ => {
            violations.add("page_size", format!("must be 0 to {PAGE_MAX}"));
            None
        }
    };
    let after = match request.page_token.as_str() {
        "" => Some(None),
        token => violations.take("page_token", after(token)).map(Some),
    };
    match (size, after) {
        (Some(size), Some(after)) => Ok(Page { after, size }),
        _ => Err(violations.into_status(DOMAIN)),
    }
}

const PAGE_KIND: &str = "inventory.stock";

fn after(token: &str) -> Result<Sku, page::BadToken> {
    let bytes = page::decode(PAGE_KIND, token)?;
    let text = String::from_utf8(bytes).map_err(|_bytes| page::BadToken)?;
    Sku::new(text).map_err(|_text| page::BadToken)
}

/// The token of the page after `last`.
pub(super) fn page_token(last: &Sku) -> String {
    page::encode(PAGE_KIND, last.as_str().as_bytes())
}

pub(super) fn reserve(request: &pb::ReserveRequest) -> Result<(OrderId, Vec<Line>), Status> {
    let mut violations = Violations::default();
    let order = violations.take("order_id", request.order_id.parse::<OrderId>());
    let count = request.lines.len();
    if count == 0 || count > LINES_MAX {
        violations.add(
            "lines",
            format!("must be 1 to {LINES_MAX} lines, not {count}"),
        );
        return Err(violations.into_status(DOMAIN));
    }
    let (mut lines, mut seen) = (Vec::with_capacity(count), HashSet::with_capacity(count));
    for (i, line) in request.lines.iter().enumerate() {
        let sku = violations.take(format!("lines[{i}].sku"), Sku::new(&*line.sku));
        let quantity =
            violations.take(format!("lines[{i}].quantity"), Quantity::new(line.quantity));
        if sku.is_some() && !seen.insert(&line.sku) {
            violations.add(format!("lines[{i}].sku"), "must not stand in two lines");
        }
        if let (Some(sku), Some(quantity)) = (sku, quantity) {
            lines.push(Line { sku, quantity });
        }
    }
    match order {
        Some(order) if violations.is_empty() => Ok((order, lines)),
        _ => Err(violations.into_status(DOMAIN)),
    }
}

pub(super) fn receive(request: &pb::ReceiveStockRequest) -> Result<Receipt, Status> {
    let mut violations = Violations::default();
    let id = violations.take("receipt_id", id(&request.receipt_id));
    let sku = violations.take("sku", Sku::new(&*request.sku));
    let quantity = request.quantity;
    if !(1..=RECEIPT_MAX).contains(&quantity) {
        violations.add("quantity", format!("must be 1 to {RECEIPT_MAX}"));
    }
    match (id, sku) {
        (Some(id), Some(sku)) if violations.is_empty() => Ok(Receipt { id, sku, quantity }),
        _ => Err(violations.into_status(DOMAIN)),
    }
}

pub(super) fn watch(request: &pb::WatchStockRequest) -> Result<Vec<Sku>, Status> {
    let mut violations = Violations::default();
    let count = request.skus.len();
    if count == 0 || count > LINES_MAX {
        violations.add(
            "skus",
            format!("must be 1 to {LINES_MAX} SKUs, not {count}"),
        );
        return Err(violations.into_status(DOMAIN));
    }
    let skus = request.skus.iter().enumerate();
    let skus: Vec<_> = skus
        .filter_map(|(i, sku)| violations.take(format!("skus[{i}]"), Sku::new(&**sku)))
        .collect();
    if violations.is_empty() {
        Ok(skus)
    } else {
        Err(violations.into_status(DOMAIN))
    }
}

/// An id that the caller chooses.
pub(super) fn id(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.chars().count() > ID_CHARACTERS_MAX {
        return Err(format!("must have at most {ID_CHARACTERS_MAX} characters"));
    }
    Ok(text.to_owned())
}

/// One row of an import, or the field at fault and why.
pub(super) fn row(item: &pb::CatalogItem) -> Result<CatalogRow, (&'static str, String)> {
    let sku = Sku::new(&*item.sku).map_err(|why| ("sku", why.to_string()))?;
    let characters = item.name.chars().count();
    if characters == 0 || characters > NAME_CHARACTERS_MAX {
        return Err((
            "name",
            format!("must have 1 to {NAME_CHARACTERS_MAX} characters"),
        ));
    }
    // Names are shown to people, in logs and terminals too.
    if item.name.chars().any(char::is_control) {
        return Err(("name", "must have no control characters".to_owned()));
    }
    let price = item
        .price
        .as_ref()
        .ok_or(("price", "must be set".to_owned()))?;
    let price = Money::try_from(price).map_err(|why| ("price.currency", why.to_string()))?;
    if price.minor() < 0 {
        return Err(("price.amount", "must be 0 or more".to_owned()));
    }
    if !(0..=RECEIPT_MAX).contains(&item.quantity) {
        return Err(("quantity", format!("must be 0 to {RECEIPT_MAX}")));
    }
    Ok(CatalogRow {
        sku,
        name: item.name.clone(),
        price,
        quantity: item.quantity,
    })
}
