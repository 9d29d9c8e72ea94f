//! Imports a catalogue of any size into a running gateway and says how much the
//! gateway's memory grew meanwhile:
//!
//! ```text
//! cargo run --release -p gateway --example import_load -- HOST:PORT PID BYTES [LINE_BYTES]
//! ```
//!
//! A small import goes first: what it allocates for good is no growth. Prints one
//! JSON object.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use watertight::BoxError;

mod rows;
mod send;

use rows::Rows;

/// Bytes of the import that goes first.
const WARM_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of a line if nothing is said.
const LINE_BYTES: usize = 100;
/// SKUs that the rows are for, in turn.
const SKUS: u64 = 1_000;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(report) => {
            #[expect(clippy::print_stdout, reason = "the report is the program's answer")]
            {
                println!("{report}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "for whoever started it")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<serde_json::Value, BoxError> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [addr, pid, bytes, more @ ..] = &args[..] else {
        return Err("usage: import_load HOST:PORT PID BYTES [LINE_BYTES]".into());
    };
    let (addr, pid): (SocketAddr, u32) = (addr.parse()?, pid.parse()?);
    let line_bytes = more.first().map(|n| n.parse()).transpose()?;
    let line_bytes = line_bytes.unwrap_or(LINE_BYTES);
    // A name of its own, or the rows would have been imported before.
    let id = format!("load-{}", std::process::id());
    let mut warm = Rows::of_bytes(WARM_BYTES, line_bytes, SKUS);
    let before = send::import(addr, &format!("{id}-warm"), &mut warm, pid).await?;
    let mut rows = Rows::of_bytes(bytes.parse()?, line_bytes, SKUS);
    let started = Instant::now();
    let taken = send::import(addr, &id, &mut rows, pid).await?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(serde_json::json!({
        "bytes": bytes.parse::<u64>()?,
        "rows": rows.count(),
        "seconds": seconds,
        "rss_before_bytes": before.rss_most,
        "rss_most_bytes": taken.rss_most,
        "rss_growth_bytes": taken.rss_most.saturating_sub(before.rss_most),
        "summary": serde_json::from_str::<serde_json::Value>(&taken.summary)?,
    }))
}
