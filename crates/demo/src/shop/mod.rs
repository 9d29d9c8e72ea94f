//! The shop as its customers see it: gRPC, HTTP through the gateway, and the
//! provider's ledger.

mod client;
mod front;
mod pages;
mod seed;
mod wire;

pub(crate) use client::{Addresses, Shop};
pub(crate) use front::{place_body, placed};
pub(crate) use pages::audit;
pub(crate) use seed::{import_catalog, receive};
