//! Fills the shelves, and refills them; both may be repeated without harm.

use shop_proto::inventory::{CatalogItem, ImportCatalogRequest, ReceiveStockRequest};

use super::Shop;
use crate::{
    catalog::{ARTICLES, Article, IMPORT_ID},
    check::{CallError, Receipt},
    retry::until_answered,
};

/// Imports the catalogue under its fixed import id, until it is in.
///
/// # Errors
///
/// [`CallError`] if the shop refuses, or doesn't answer many times over.
///
/// # Cancel safety
///
/// Safe: repeating an import changes nothing.
pub(crate) async fn import_catalog(shop: &Shop) -> Result<(), CallError> {
    let items: Vec<_> = ARTICLES.iter().map(item).collect();
    // Two messages: what is imported is a stream.
    let (first, rest) = items.split_at(items.len() / 2);
    let message = |items: &[CatalogItem]| ImportCatalogRequest {
        import_id: IMPORT_ID.to_owned(),
        items: items.to_vec(),
    };
    let messages = vec![message(first), message(rest)];
    let answer = until_answered(|| shop.import(messages.clone())).await?;
    match answer.rejected_rows.first() {
        None => Ok(()),
        Some(row) => Err(CallError {
            code: tonic::Code::InvalidArgument,
            reason: None,
            message: format!(
                "row {} of the catalogue: {} {}",
                row.row, row.field, row.reason
            ),
        }),
    }
}

fn item(article: &Article) -> CatalogItem {
    CatalogItem {
        sku: article.sku.to_owned(),
        name: article.name.to_owned(),
        price: Some(article.price().into()),
        quantity: article.quantity(),
    }
}

/// Sends goods in, once.
///
/// # Errors
///
/// [`CallError`]; repeat it with the same receipt id until it is taken.
///
/// # Cancel safety
///
/// Dropped, the goods may or may not be in; repeating settles it.
pub(crate) async fn receive(shop: &Shop, id: &str, receipt: Receipt) -> Result<(), CallError> {
    let message = ReceiveStockRequest {
        receipt_id: id.to_owned(),
        sku: ARTICLES[usize::from(receipt.article)].sku.to_owned(),
        quantity: receipt.pieces,
    };
    shop.receive(message).await
}
