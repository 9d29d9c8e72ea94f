//! HTTP and JSON: routes, and what they say. Decides nothing of the shop.

mod about;
mod catalog;
mod document;
mod dto;
mod events;
mod headers;
mod import;
mod kinds;
mod layers;
mod orders;
mod problems;
mod stock;

use std::sync::Arc;

use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use watertight::axum;
use watertight::config::Live;
use watertight::{Readiness, Scope};

use crate::clients::{Inventory, Orders};
use crate::config::{Cfg, Origin};
use crate::service::places::Places;

pub(crate) use document::openapi_json;

/// The route whose requests may take hours.
pub(crate) const IMPORT_PATH: &str = "/v1/catalog:import";

/// What the gateway consists of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) orders: Orders,
    pub(crate) inventory: Inventory,
    /// Owner of watches, which outlive the deadlines of their requests.
    pub(crate) scope: Scope,
    pub(crate) readiness: Readiness,
    pub(crate) settings: Live<Cfg>,
}

/// What handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Gateway(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: Parts,
    /// Places of event streams; a stream holds its place until it ends.
    streams: Places,
    /// Places of imports.
    imports: Places,
}

impl Gateway {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            parts,
            streams: Places::default(),
            imports: Places::default(),
        }))
    }

    fn orders(&self) -> &Orders {
        &self.0.parts.orders
    }

    fn inventory(&self) -> &Inventory {
        &self.0.parts.inventory
    }

    /// As they are now; a reload changes them.
    fn settings(&self) -> Arc<Cfg> {
        self.0.parts.settings.load()
    }
}

/// All routes with their documentation: what isn't here isn't served.
fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::with_openapi(document::Document::openapi())
        .routes(routes!(orders::place_order, orders::list_orders))
        .routes(routes!(orders::get_order, orders::cancel_order))
        .routes(routes!(events::watch_order))
        .routes(routes!(stock::get_stock))
        .routes(routes!(import::import_catalog))
        .routes(routes!(about::index))
        .routes(routes!(about::openapi))
        .routes(routes!(about::docs))
        .routes(routes!(about::docs_asset))
        .routes(routes!(about::problems))
        .routes(routes!(about::problem))
}

/// The routes on the gateway, with what surrounds them.
pub(crate) fn router(gateway: Gateway, cors_origins: &[Origin]) -> axum::Router {
    let (router, _document) = routes().split_for_parts();
    layers::around(router.with_state(gateway), cors_origins)
}
