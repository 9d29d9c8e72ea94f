//! Compiles `proto/` with protox, so that no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 4] = [
    "shop/common/v1/money.proto",
    "shop/inventory/v1/inventory.proto",
    "shop/orders/v1/orders.proto",
    "shop/payments/v1/payments.proto",
];

/// They carry a payment method; `src/secret.rs` shows the rest of them.
const SECRET: [&str; 2] = [
    ".shop.orders.v1.PlaceOrderRequest",
    ".shop.payments.v1.AuthorizeRequest",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());

    let descriptors = protox::compile(FILES, [&root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out.join("descriptors.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .skip_debug(SECRET)
        .compile_fds(descriptors)?;
    Ok(())
}
