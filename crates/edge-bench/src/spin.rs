//! Harmless work: as much CPU as an attacker uses, with no server in sight.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{error::Error, load::seconds, system};

/// Work and pause alternate within this.
const PERIOD: Duration = Duration::from_millis(1);

/// Arguments of `spin`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SpinArgs {
    /// Share of one core, 0 to 1
    #[arg(long)]
    share: f64,
    #[arg(long)]
    seconds: f64,
}

/// What it used.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Spun {
    pub(crate) cores: f64,
}

/// Works for a share of the time.
///
/// # Errors
///
/// Never.
pub(crate) fn spin(args: &SpinArgs) -> Result<Spun, Error> {
    let begin = Instant::now();
    let length = seconds(args.seconds);
    let share = args.share.clamp(0.0, 1.0);
    let cpu = || system::cpu_s(std::process::id()).unwrap_or(0.0);
    let before = cpu();
    loop {
        let now = begin.elapsed();
        if now >= length {
            break;
        }
        // Behind its share: work; ahead of it: pause until it isn't.
        let ahead = (cpu() - before) - now.as_secs_f64() * share;
        if ahead > 0.0 {
            std::thread::sleep(PERIOD.mul_f64(1.0 - share).max(Duration::from_micros(50)));
        } else {
            let until = Instant::now() + PERIOD.mul_f64(share);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        }
    }
    let cores = (cpu() - before) / begin.elapsed().as_secs_f64();
    Ok(Spun { cores })
}
