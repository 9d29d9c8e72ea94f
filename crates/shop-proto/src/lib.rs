//! Generated gRPC code of the shop, and the error details every service answers
//! with.
//!
//! The contract is in `proto/`, with comments; here is only what the compiler
//! makes of it. [`errors`] builds the `google.rpc` details, [`convert`] goes
//! between wire and [`shop_types`].

pub mod convert;
pub mod errors;
pub mod page;
mod secret;

/// Words that all services share.
pub mod common {
    pub use v1::*;

    /// Version 1, as generated.
    pub mod v1 {
        #![allow(warnings, clippy::pedantic, reason = "generated code")]
        tonic::include_proto!("shop.common.v1");
    }
}

/// The inventory service.
pub mod inventory {
    pub use v1::*;

    /// Version 1, as generated.
    pub mod v1 {
        #![allow(warnings, clippy::pedantic, reason = "generated code")]
        tonic::include_proto!("shop.inventory.v1");
    }
}

/// The orders service.
pub mod orders {
    pub use v1::*;

    /// Version 1, as generated.
    pub mod v1 {
        #![allow(warnings, clippy::pedantic, reason = "generated code")]
        tonic::include_proto!("shop.orders.v1");
    }
}

/// The payments service.
pub mod payments {
    pub use v1::*;

    /// Version 1, as generated.
    pub mod v1 {
        #![allow(warnings, clippy::pedantic, reason = "generated code")]
        tonic::include_proto!("shop.payments.v1");
    }
}

/// All files of the shop as an encoded `FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The longest message a server takes and a client accepts, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
