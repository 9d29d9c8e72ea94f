//! Stock: read.

use watertight::Problem;
use watertight::axum::extract::State;
use watertight::axum::response::Response;
use watertight::extract::{Json, Path};

use super::document::StockProblems;
use super::headers::IfNoneMatch;
use super::problems::{Kind, refused};
use super::{Gateway, dto};
use crate::service::etag;

/// Read the stock of one SKU
#[utoipa::path(
    get, path = "/v1/stock/{sku}", tag = "stock",
    params(
        ("sku" = String, Path, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$", description = "Stock keeping unit."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the reader has, several, or `*`."),
    ),
    responses(
        (status = 200, description = "The stock as it is.", body = dto::Stock, headers(
            ("ETag" = String, description = "The stock's version."),
            ("Cache-Control" = String, description = "`no-cache`."))),
        (status = 304, description = "The reader has it.", headers(
            ("ETag" = String, description = "The stock's version."))),
        StockProblems,
    )
)]
pub(super) async fn get_stock(
    State(gateway): State<Gateway>,
    Path(sku): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let found = gateway.inventory().stock(sku).await;
    let stock = found.map_err(|failure| refused(Kind::Read, failure))?;
    let tag = etag::of_version(stock.version);
    Ok(known.answer(&tag, Json(dto::Stock::from(stock))))
}
