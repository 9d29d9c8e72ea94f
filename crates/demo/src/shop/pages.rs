//! Reads everything the shop and the provider say, page by page, into an audit.

use super::Shop;
use crate::{
    check::{Audit, Book, CallError, Findings},
    retry::until_answered,
};

/// Rows of a page of orders: their lines make them larger than other rows.
const ORDERS_PAGE: i32 = 500;

/// Runs the whole check against a shop at rest.
///
/// # Errors
///
/// [`CallError`] if a page doesn't come though it was asked for many times.
///
/// # Cancel safety
///
/// Safe: it only reads.
pub(crate) async fn audit(shop: &Shop, book: &Book) -> Result<Findings, CallError> {
    let mut audit = Audit::new(book);
    let mut token = String::new();
    loop {
        let page =
            until_answered(|| shop.orders(String::new(), ORDERS_PAGE, token.clone())).await?;
        page.orders.iter().for_each(|order| audit.order(order));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    ledger(shop, &mut audit).await?;
    let mut token = String::new();
    loop {
        let (payments, next) = until_answered(|| shop.payments(token.clone())).await?;
        payments.iter().for_each(|payment| audit.payment(payment));
        if next.is_empty() {
            break;
        }
        token = next;
    }
    let mut token = String::new();
    loop {
        let page = until_answered(|| shop.stocks(token.clone())).await?;
        page.stock.iter().for_each(|stock| audit.stock(stock));
        if page.next_page_token.is_empty() {
            return Ok(audit.finish());
        }
        token = page.next_page_token;
    }
}

async fn ledger(shop: &Shop, audit: &mut Audit<'_>) -> Result<(), CallError> {
    let mut after = None;
    loop {
        let page = until_answered(|| shop.ledger(after.as_deref())).await?;
        page.authorizations
            .iter()
            .for_each(|entry| audit.authorization(entry));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
