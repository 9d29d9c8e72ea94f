//! The flags every service has, and how they join with the service's own.

use crate::ConfigError;
use clap::{Args, Command, FromArgMatches};
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The flags of the chassis. Each can also come from the environment; the
/// command line wins.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Chassis")]
pub struct ChassisArgs {
    /// Address of the service port: HTTP/1, HTTP/2 and gRPC. Port 0 lets the system choose
    #[arg(
        long,
        env = "WATERTIGHT_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDR"
    )]
    pub listen: SocketAddr,
    /// Address of the admin port: /metrics, /livez, /readyz. Loopback unless you say otherwise
    #[arg(
        long,
        env = "WATERTIGHT_ADMIN",
        default_value = "127.0.0.1:0",
        value_name = "ADDR"
    )]
    pub admin: SocketAddr,
    /// Deadline of a request that brings none
    #[arg(long, env = "WATERTIGHT_REQUEST_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "DURATION")]
    pub request_timeout: Duration,
    /// The longest deadline a request may ask for; more is cut down to it
    #[arg(long, env = "WATERTIGHT_REQUEST_TIMEOUT_MAX", default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub request_timeout_max: Duration,
    /// The longest a response stream may last
    #[arg(long, env = "WATERTIGHT_STREAM_TIMEOUT_MAX", default_value = "1h", value_parser = duration, value_name = "DURATION")]
    pub stream_timeout_max: Duration,
    /// At shutdown: how long to report "not ready" before accepting stops
    #[arg(
        long,
        env = "WATERTIGHT_UNREADY_MS",
        default_value_t = 1_000,
        value_name = "MS",
        value_parser = clap::value_parser!(u64).range(..=600_000)
    )]
    pub unready_ms: u64,
    /// At shutdown: how long requests and jobs may take to finish before they are cut off
    #[arg(
        long,
        env = "WATERTIGHT_DRAIN_MS",
        default_value_t = 10_000,
        value_name = "MS",
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    pub drain_ms: u64,
    /// Open connections of all listeners together; one more is closed at once
    #[arg(
        long,
        env = "WATERTIGHT_CONNECTIONS_MAX",
        default_value_t = 4_096,
        value_name = "N",
        value_parser = count::<1, 1_000_000>
    )]
    pub connections_max: usize,
    /// Concurrent HTTP/2 streams per connection
    #[arg(
        long,
        env = "WATERTIGHT_STREAMS_MAX",
        default_value_t = 256,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub streams_max: u32,
    /// Requests in flight, all connections together; one more is refused
    #[arg(
        long,
        env = "WATERTIGHT_REQUESTS_MAX",
        default_value_t = 8_192,
        value_name = "N",
        value_parser = count::<1, 1_000_000>
    )]
    pub requests_max: usize,
    /// When listening, write {"listen","admin","pid"} to this file
    #[arg(long, env = "WATERTIGHT_READY_FILE", value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// Log filter, such as `info` or `orders=debug,info`
    #[arg(long, env = "RUST_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// Threads of the work runtime; default: one per processor
    #[arg(long, env = "WATERTIGHT_WORKERS", value_name = "N", value_parser = count::<1, 1_024>)]
    pub workers: Option<usize>,
}

/// Flags of the chassis and of the service, parsed together: an unknown flag
/// is an error, and `--help` shows both.
pub(crate) fn parse<C: Args>(
    name: &'static str,
    args: &[OsString],
) -> Result<(ChassisArgs, C), ConfigError> {
    let command = ChassisArgs::augment_args(C::augment_args(Command::new(name)))
        // The derived texts are the docs of our types, not of the program.
        .about(None::<&str>)
        .long_about(None::<&str>);
    let matches = command.try_get_matches_from(args)?;
    Ok((
        ChassisArgs::from_arg_matches(&matches)?,
        C::from_arg_matches(&matches)?,
    ))
}

/// A service without flags of its own.
#[derive(Args, Debug)]
pub(crate) struct NoArgs {}

/// Looks for `--flag value` or `--flag=value`, else the environment, before
/// the service's own flags are known. Errors are left to the real parser.
pub(crate) fn peek(args: &[OsString], flag: &str, env: &str) -> Option<String> {
    let long = format!("--{flag}");
    let with_value = format!("{long}=");
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        if arg == long {
            return args.next().map(str::to_owned);
        }
        if let Some(value) = arg.strip_prefix(&with_value) {
            return Some(value.to_owned());
        }
    }
    std::env::var_os(env)
        .as_deref()
        .and_then(OsStr::to_str)
        .map(str::to_owned)
}

/// Parses a count from `MIN` to `MAX`.
fn count<const MIN: usize, const MAX: usize>(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|n| (MIN..=MAX).contains(n));
    count.ok_or_else(|| format!("must be {MIN} to {MAX}"))
}

/// Parses `250ms`, `10s`, `5m`, `1h`, or a bare number of milliseconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_bad| format!("{text:?} does not start with a number"))?;
    let ms = match unit {
        "" | "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(format!("unknown unit {unit:?}: use ms, s, m or h")),
    };
    ms.filter(|ms| *ms > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn durations() {
        assert_eq!(duration("250"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for bad in [
            "",
            "-1s",
            "0",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn flags_of_chassis_and_service_parse_together() {
        #[derive(Args)]
        struct Own {
            #[arg(long)]
            data: PathBuf,
        }
        let line = args("orders --data d --listen 127.0.0.1:1 --drain-ms 5");
        let (chassis, own) = parse::<Own>("orders", &line).unwrap();
        assert_eq!((chassis.drain_ms, own.data), (5, PathBuf::from("d")));
        assert!(parse::<NoArgs>("orders", &line).is_err());
    }

    #[test]
    fn peek_finds_both_forms() {
        assert_eq!(
            peek(&args("x --log debug"), "log", "NO_SUCH_VAR").as_deref(),
            Some("debug")
        );
        assert_eq!(
            peek(&args("x --log=debug"), "log", "NO_SUCH_VAR").as_deref(),
            Some("debug")
        );
        assert_eq!(peek(&args("x --log"), "log", "NO_SUCH_VAR"), None);
    }
}
