//! The shop as its customers see it: gRPC, and the provider's HTTP ledger.

mod client;
mod pages;
mod seed;

pub(crate) use client::Shop;
pub(crate) use pages::audit;
pub(crate) use seed::{import_catalog, receive};
