//! The tables of the page.

use std::fmt::Write;

use super::{
    figures::{Attack, Comparison, Idle},
    page::show,
};
use crate::load::Sample;

pub(super) fn comparisons(page: &mut String, all: &[Comparison]) -> std::fmt::Result {
    writeln!(
        page,
        "| load | | requests/s | CPU µs/request | p50, µs | p99, µs | errors | generator's CPU µs/request |\n\
         |---|---|---|---|---|---|---|---|"
    )?;
    for comparison in all {
        for (which, name) in comparison.names.iter().enumerate() {
            row(page, comparison, which, name)?;
        }
        let times = |value: fn(&Sample) -> f64| show(comparison.ratio(value), 2);
        writeln!(
            page,
            "| | **ratio** | **{}** | {} | {} | {} | | {} |",
            times(|sample| sample.rps),
            times(|sample| sample.server_us),
            times(|sample| sample.p50_us),
            times(|sample| sample.p99_us),
            times(|sample| sample.client_us),
        )?;
    }
    Ok(())
}

fn row(page: &mut String, comparison: &Comparison, which: usize, name: &str) -> std::fmt::Result {
    let of = |value: fn(&Sample) -> f64, digits| show(comparison.of(which, value), digits);
    let errors: u64 = comparison.pairs.iter().map(|pair| pair[which].errors).sum();
    writeln!(
        page,
        "| {} | {name} | {} | {} | {} | {} | {errors} | {} |",
        if which == 0 { &comparison.load } else { "" },
        of(|sample| sample.rps, 0),
        of(|sample| sample.server_us, 2),
        of(|sample| sample.p50_us, 0),
        of(|sample| sample.p99_us, 0),
        of(|sample| sample.client_us, 2),
    )
}

pub(super) fn idle(page: &mut String, all: &[Idle]) -> std::fmt::Result {
    writeln!(
        page,
        "| protocol | server | connections | KiB each | RSS before, MiB | RSS after, MiB |\n\
         |---|---|---|---|---|---|"
    )?;
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    for idle in all {
        writeln!(
            page,
            "| {} | {} | {} | {:.1} | {:.1} | {:.1} |",
            idle.protocol,
            idle.server,
            idle.open,
            idle.kib_each(),
            mib(idle.before_bytes),
            mib(idle.after_bytes),
        )?;
    }
    Ok(())
}

pub(super) fn attacks(page: &mut String, all: &[Attack]) -> std::fmt::Result {
    writeln!(
        page,
        "| attack | server | RSS peak, MiB | RSS later, MiB | kernel's sockets, MiB | connections cut, of | sent, MiB | attacker, cores | server, cores | \
         healthy p99, ms | beside harmless work, ms | ratio | healthy errors |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for attack in all {
        let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
        let growth = |bytes: u64| mib(bytes) - mib(attack.before_bytes);
        let later = if attack.stopped {
            "stopped".to_owned()
        } else if attack.died {
            "**died**".to_owned()
        } else {
            format!("{:+.1}", growth(attack.later_bytes))
        };
        write!(
            page,
            "| {} | {} | {:+.1} | {later} | {:+.1} | {} of {} | {:.1} | {:.2} |",
            attack.name,
            attack.server,
            growth(attack.peak_bytes),
            mib(attack.sockets_bytes),
            attack.cut,
            attack.opened,
            mib(attack.sent_bytes),
            attack.attacker_cores,
        )?;
        match &attack.healthy {
            Some(healthy) => writeln!(
                page,
                " {:.2} | {:.2} | {:.2} | {:.2} | {} |",
                healthy.attacked.server_us * healthy.attacked.rps / 1e6,
                healthy.attacked.p99_us / 1e3,
                healthy.busy.p99_us / 1e3,
                healthy.ratio(),
                healthy.attacked.errors,
            )?,
            None => writeln!(page, " - | no answer | - | - | - |")?,
        }
    }
    Ok(())
}
