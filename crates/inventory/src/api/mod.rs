//! The gRPC side: translates, and knows no rule.

mod errors;
mod import;
mod validate;

use std::time::Duration;

use futures_util::{StreamExt, stream};
use shop_proto::inventory::{self as pb, inventory_service_server::InventoryService};
use tonic::{Request, Response, Status, Streaming};
use watertight::{Deadline, RequestScope};

use crate::model::{PricedLine, Reserved, Stock};
use crate::service::Inventory;

/// Deadline of one read of a watcher; the stream itself has its own.
const WATCH_READ: Duration = Duration::from_secs(1);

/// The service over gRPC.
pub(crate) struct Grpc {
    inventory: Inventory,
}

impl Grpc {
    pub(crate) fn new(inventory: Inventory) -> Self {
        Self { inventory }
    }
}

#[tonic::async_trait]
impl InventoryService for Grpc {
    async fn get_stock(
        &self,
        request: Request<pb::GetStockRequest>,
    ) -> Result<Response<pb::GetStockResponse>, Status> {
        let by = request.deadline();
        let sku = validate::get_stock(request.get_ref())?;
        let stock = self
            .inventory
            .stock(by, sku.clone())
            .await
            .map_err(errors::store)?;
        let stock = stock.ok_or_else(|| errors::unknown_sku(&sku))?;
        Ok(Response::new(pb::GetStockResponse {
            stock: Some(stock.into()),
        }))
    }

    async fn list_stock(
        &self,
        request: Request<pb::ListStockRequest>,
    ) -> Result<Response<pb::ListStockResponse>, Status> {
        let by = request.deadline();
        let page = validate::list_stock(request.get_ref())?;
        let stock = self
            .inventory
            .list(by, page.after, page.size)
            .await
            .map_err(errors::store)?;
        let full = u32::try_from(stock.len()).is_ok_and(|rows| rows == page.size);
        let next_page_token = match stock.last() {
            Some(last) if full => validate::page_token(&last.sku),
            _ => String::new(),
        };
        let stock = stock.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListStockResponse {
            stock,
            next_page_token,
        }))
    }

    async fn reserve(
        &self,
        request: Request<pb::ReserveRequest>,
    ) -> Result<Response<pb::ReserveResponse>, Status> {
        let by = request.deadline();
        let (order, lines) = validate::reserve(request.get_ref())?;
        let done = self
            .inventory
            .reserve(by, order, lines)
            .await
            .map_err(errors::store)?;
        Ok(Response::new(done.map_err(errors::reserve)?.into()))
    }

    async fn commit(
        &self,
        request: Request<pb::CommitRequest>,
    ) -> Result<Response<pb::CommitResponse>, Status> {
        let by = request.deadline();
        let order = validate::order_id(&request.get_ref().order_id)?;
        let done = self
            .inventory
            .commit(by, order)
            .await
            .map_err(errors::store)?;
        done.map_err(|_lost| errors::reservation_lost(order))?;
        Ok(Response::new(pb::CommitResponse {
            state: pb::ReservationState::Committed.into(),
        }))
    }

    async fn release(
        &self,
        request: Request<pb::ReleaseRequest>,
    ) -> Result<Response<pb::ReleaseResponse>, Status> {
        let by = request.deadline();
        let order = validate::order_id(&request.get_ref().order_id)?;
        self.inventory
            .release(by, order)
            .await
            .map_err(errors::store)?;
        Ok(Response::new(pb::ReleaseResponse {
            state: pb::ReservationState::Released.into(),
        }))
    }

    async fn receive_stock(
        &self,
        request: Request<pb::ReceiveStockRequest>,
    ) -> Result<Response<pb::ReceiveStockResponse>, Status> {
        let by = request.deadline();
        let receipt = validate::receive(request.get_ref())?;
        let sku = receipt.sku.clone();
        let done = self
            .inventory
            .receive(by, receipt)
            .await
            .map_err(errors::store)?;
        let stock = done.map_err(|refusal| errors::receipt(refusal, &sku))?;
        Ok(Response::new(pb::ReceiveStockResponse {
            stock: Some(stock.into()),
        }))
    }

    type WatchStockStream = stream::BoxStream<'static, Result<pb::WatchStockResponse, Status>>;

    async fn watch_stock(
        &self,
        request: Request<pb::WatchStockRequest>,
    ) -> Result<Response<Self::WatchStockStream>, Status> {
        let skus = validate::watch(request.get_ref())?;
        let watch = self.inventory.watch(skus).map_err(errors::watchers)?;
        let told = stream::unfold(watch, |mut watch| async move {
            let stock = watch.next(|| Deadline::after(WATCH_READ)).await?;
            let told = stock
                .map(|stock| pb::WatchStockResponse {
                    stock: Some(stock.into()),
                })
                .map_err(errors::store);
            Some((told, watch))
        });
        Ok(Response::new(told.boxed()))
    }

    async fn import_catalog(
        &self,
        request: Request<Streaming<pb::ImportCatalogRequest>>,
    ) -> Result<Response<pb::ImportCatalogResponse>, Status> {
        import::import(&self.inventory, request)
            .await
            .map(Response::new)
    }
}

impl From<Stock> for pb::Stock {
    fn from(stock: Stock) -> Self {
        Self {
            sku: stock.sku.to_string(),
            name: stock.name,
            price: Some(stock.price.into()),
            available: stock.pieces.available,
            reserved: stock.pieces.reserved,
            sold: stock.pieces.sold,
            received: stock.pieces.received(),
            version: stock.version,
        }
    }
}

impl From<PricedLine> for pb::PricedReservationLine {
    fn from(line: PricedLine) -> Self {
        Self {
            sku: line.sku.to_string(),
            quantity: line.quantity.get(),
            unit_price: Some(line.unit_price.into()),
        }
    }
}

impl From<Reserved> for pb::ReserveResponse {
    fn from(reserved: Reserved) -> Self {
        Self {
            lines: reserved.lines.into_iter().map(Into::into).collect(),
            total: Some(reserved.total.into()),
            expire_time: Some(shop_proto::convert::timestamp(reserved.expires_ms)),
        }
    }
}
