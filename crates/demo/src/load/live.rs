//! Beside the load, once a second: refill the shelves, check the cheap
//! invariants.

use shop_proto::inventory::Stock;

use super::Session;
use crate::{
    catalog::{ARTICLES, PLENTY, SCARCE_DELIVERY},
    check::{CallError, Live, Money, Receipt, Shelves, Till},
    shop,
};

/// Seconds between two deliveries of scarce articles.
const SCARCE_EVERY_S: u64 = 5;

/// One second's work; `second` counts them.
///
/// # Cancel safety
///
/// Dropped, a delivery may be open; the next one repeats it.
pub(crate) async fn keep_shop(session: &Session, second: u64) {
    session.seen().till = look_at_money(session).await;
    let live = Live::before(&session.keeper.book());
    let stock = match session.shop().stocks(String::new()).await {
        Ok(page) => page.stock,
        Err(error) => {
            session.stats().error(error.kind());
            session.seen().shelves = None;
            return;
        }
    };
    session.seen().shelves = Some(Shelves::of(&stock));
    let found = live.after(&session.keeper.book(), &stock);
    session.keeper.findings().merge(found);
    for (id, receipt) in deliveries(session, second, &stock) {
        session.durable(session.keeper.receive(&id, receipt).await);
    }
    for (id, receipt) in open_receipts(session) {
        if let Err(error) = deliver(session, &id, receipt).await {
            session.stats().error(error.kind());
        }
    }
}

/// Compares the last orders with the provider's ledger.
async fn look_at_money(session: &Session) -> Option<Till> {
    let money = Money::before(&session.keeper.book());
    let Some((after, rows)) = money.page() else {
        return Some(Till::default());
    };
    let page = match session.shop().ledger_page(Some(&after), rows).await {
        Ok(page) => page.authorizations,
        Err(error) => {
            session.stats().error(error.kind());
            return None;
        }
    };
    let (till, found) = money.after(&session.keeper.book(), &page);
    session.keeper.findings().merge(found);
    Some(till)
}

/// Deliveries whose outcome isn't known: they are sent until it is.
pub(crate) fn open_receipts(session: &Session) -> Vec<(String, Receipt)> {
    session.keeper.book().open_receipts()
}

/// Sends goods in and takes the answer down.
///
/// # Errors
///
/// [`CallError`]: the receipt stays open.
///
/// # Cancel safety
///
/// Dropped, the receipt stays open.
pub(crate) async fn deliver(
    session: &Session,
    id: &str,
    receipt: Receipt,
) -> Result<(), CallError> {
    shop::receive(session.shop(), id, receipt).await?;
    session.durable(session.keeper.received(id).await);
    Ok(())
}

/// What has to be sent in: anything plentiful at half its stock, and a few
/// scarce pieces now and then.
fn deliveries(session: &Session, second: u64, stock: &[Stock]) -> Vec<(String, Receipt)> {
    let run = session.keeper.run();
    let left = |sku: &str| {
        stock
            .iter()
            .find(|stock| stock.sku == sku)
            .map(|stock| stock.available)
    };
    let articles = ARTICLES.iter().zip(0_u8..);
    let wanted = articles.filter_map(|(article, index)| {
        let pieces = match (article.scarce, left(article.sku)?) {
            (true, _) if second % SCARCE_EVERY_S == 1 => SCARCE_DELIVERY,
            (false, available) if available < PLENTY / 2 => PLENTY,
            _ => return None,
        };
        let id = format!("demo-{run}-{}-{second}", article.sku);
        Some((
            id,
            Receipt {
                article: index,
                pieces,
            },
        ))
    });
    wanted.collect()
}
