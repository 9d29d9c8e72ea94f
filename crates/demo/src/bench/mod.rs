//! `demo bench shop`: the figures of the shop, with the machine they come from.

mod disk;
mod figures;
mod machine;
mod measure;
mod page;
mod scrape;
mod shop;

pub(crate) use shop::{BenchArgs, shop};
