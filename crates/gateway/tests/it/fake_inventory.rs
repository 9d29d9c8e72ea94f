//! An inventory that can't take a step at the first tries, and remembers them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use shop_proto::errors::retryable;
use shop_proto::inventory::inventory_service_server::{InventoryService, InventoryServiceServer};
use shop_proto::inventory::{
    CommitRequest, CommitResponse, GetStockRequest, GetStockResponse, ImportCatalogRequest,
    ImportCatalogResponse, ListStockRequest, ListStockResponse, ReceiveStockRequest,
    ReceiveStockResponse, ReleaseRequest, ReleaseResponse, ReserveRequest, ReserveResponse,
    WatchStockRequest, WatchStockResponse,
};
use tonic::{Code, Request, Response, Status, Streaming};
use watertight::{App, Running};

use crate::shop::args;

/// What came, in order: import ids with their numbers of rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(String, usize)>>>);

impl Seen {
    pub(crate) fn calls(&self) -> Vec<(String, usize)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Refuses the first `refused` calls of each import id.
struct Fake {
    seen: Seen,
    refused: usize,
}

pub(crate) async fn start(refused: usize) -> (Running, Seen) {
    let seen = Seen::default();
    let fake = Fake {
        seen: seen.clone(),
        refused,
    };
    let app = App::new("fake", args("fake", None, &[]));
    let app = app.grpc(InventoryServiceServer::new(fake));
    (app.start().await.unwrap(), seen)
}

type Changes = Pin<Box<dyn Stream<Item = Result<WatchStockResponse, Status>> + Send>>;

#[tonic::async_trait]
impl InventoryService for Fake {
    type WatchStockStream = Changes;

    async fn import_catalog(
        &self,
        request: Request<Streaming<ImportCatalogRequest>>,
    ) -> Result<Response<ImportCatalogResponse>, Status> {
        let mut messages = request.into_inner();
        let first = messages.message().await?.unwrap_or_default();
        let rows = first.items.len();
        let before = self.seen.calls();
        let tries = before.iter().filter(|(id, _)| *id == first.import_id);
        let is_refused = tries.count() < self.refused;
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push((first.import_id, rows));
        if is_refused {
            let after = Duration::from_millis(1);
            let busy = retryable(Code::Unavailable, "inventory.shop", "STORE_BUSY", "", after);
            return Err(busy);
        }
        Ok(Response::new(ImportCatalogResponse {
            imported: i64::try_from(rows).unwrap(),
            ..ImportCatalogResponse::default()
        }))
    }

    async fn get_stock(
        &self,
        _: Request<GetStockRequest>,
    ) -> Result<Response<GetStockResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_stock(
        &self,
        _: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn reserve(
        &self,
        _: Request<ReserveRequest>,
    ) -> Result<Response<ReserveResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn commit(&self, _: Request<CommitRequest>) -> Result<Response<CommitResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn release(
        &self,
        _: Request<ReleaseRequest>,
    ) -> Result<Response<ReleaseResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn receive_stock(
        &self,
        _: Request<ReceiveStockRequest>,
    ) -> Result<Response<ReceiveStockResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn watch_stock(
        &self,
        _: Request<WatchStockRequest>,
    ) -> Result<Response<Changes>, Status> {
        Err(Status::unimplemented(""))
    }
}
