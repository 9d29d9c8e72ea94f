//! The Grafana stack as code: dashboards, recording and alert rules, and the
//! proof that each of them has data.
//!
//! Everything here is made from the catalogues of the crates that emit the
//! series, so that a renamed metric breaks this build and not a panel. What is
//! made is checked in under `grafana/` and `deploy/prometheus/`, where Grafana
//! and Prometheus read it; `check` compares.

mod alerts;
mod boards;
mod cli;
mod dash;
mod error;
mod files;
mod lint;
mod names;
mod prove;
mod query;

pub use cli::main;
