//! Inventory over gRPC.

use std::time::Duration;

use shop_proto::inventory::inventory_service_client::InventoryServiceClient;
use shop_proto::inventory::{GetStockRequest, ImportCatalogRequest, ImportCatalogResponse, Stock};
use tonic::Request;
use watertight::{ConfigError, GrpcChannel};

use super::{Failure, incomplete};

/// Connections; each carries as many calls at once as inventory allows (256).
const CONNECTIONS: usize = 2;
/// What one step of an import may take before it is tried again.
const IMPORT_CALL_MAX: Duration = Duration::from_secs(10);

/// The inventory service.
#[derive(Clone, Debug)]
pub struct Inventory {
    calls: InventoryServiceClient<GrpcChannel>,
}

impl Inventory {
    /// Inventory at `url`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`].
    pub fn connect(url: &str) -> Result<Self, ConfigError> {
        let channel = GrpcChannel::builder("inventory", url)
            .connections(CONNECTIONS)
            .connect_lazy()?;
        let calls = InventoryServiceClient::new(channel);
        Ok(Self {
            calls: calls.max_decoding_message_size(shop_proto::MESSAGE_BYTES_MAX),
        })
    }

    /// The stock of one SKU.
    ///
    /// # Errors
    ///
    /// What inventory refuses, or that it can't be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn stock(&self, sku: String) -> Result<Stock, Failure> {
        let answer = self
            .calls
            .clone()
            .get_stock(GetStockRequest { sku })
            .await?;
        answer.into_inner().stock.ok_or_else(incomplete)
    }

    /// Imports rows in one durable step.
    ///
    /// # Limits
    ///
    /// 10 s; then it is unknown whether it was done, and it may be repeated.
    ///
    /// # Errors
    ///
    /// As [`Inventory::stock`].
    ///
    /// # Cancel safety
    ///
    /// The rows may have been taken; a repeat under the same id changes nothing.
    pub async fn import(
        &self,
        chunk: ImportCatalogRequest,
    ) -> Result<ImportCatalogResponse, Failure> {
        let mut request = Request::new(tokio_stream::once(chunk));
        request.set_timeout(IMPORT_CALL_MAX);
        let answer = self.calls.clone().import_catalog(request).await?;
        Ok(answer.into_inner())
    }
}
