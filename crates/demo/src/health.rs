//! `demo health`: asks a service of this machine whether it is ready, for the
//! health checks of an image that has neither shell nor curl.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use crate::console::Console;

/// The admin port's address in the environment of every service.
const ADMIN: &str = "WATERTIGHT_ADMIN";

/// How long connecting, and each read, may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is read of the answer: the status line is all that counts.
const HEAD_MAX: usize = 64;

/// Arguments of `demo health`.
#[derive(Debug, clap::Args)]
pub(crate) struct HealthArgs {
    /// The admin port; without it, WATERTIGHT_ADMIN
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
}

/// Exit code 0 if `GET /readyz` says 200.
pub(crate) fn health(args: &HealthArgs) -> ExitCode {
    let admin = args.admin.or_else(|| {
        let text = std::env::var(ADMIN).ok()?;
        text.parse().ok()
    });
    let Some(admin) = admin else {
        let what = format!("error: neither --admin nor {ADMIN} says where the admin port is");
        Console::new(false).warn(what);
        return ExitCode::FAILURE;
    };
    match status(reachable(admin)) {
        Ok(line) if is_ok(&line) => ExitCode::SUCCESS,
        Ok(line) => {
            Console::new(false).warn(format_args!("not ready: {}", line.trim_end()));
            ExitCode::FAILURE
        }
        Err(error) => {
            Console::new(false).warn(format_args!("error: {admin} doesn't answer: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Who listens everywhere is asked on loopback.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_everywhere) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_everywhere) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, admin.port())
}

fn status(admin: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let (mut head, mut read) = ([0; HEAD_MAX], 0);
    while read < head.len() && !head[..read].contains(&b'\n') {
        match stream.read(&mut head[read..])? {
            0 => break,
            n => read += n,
        }
    }
    let line = head[..read].split(|&byte| byte == b'\n').next();
    Ok(String::from_utf8_lossy(line.unwrap_or_default()).into_owned())
}

fn is_ok(status_line: &str) -> bool {
    let mut words = status_line.split_whitespace();
    words.next().is_some_and(|word| word.starts_with("HTTP/1.")) && words.next() == Some("200")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_is_ready() {
        assert!(is_ok("HTTP/1.1 200 OK\r"));
        for line in [
            "HTTP/1.1 503 Service Unavailable\r",
            "",
            "200",
            "HTTP/2 200",
            "HTTP/1.1 2000 OK",
        ] {
            assert!(!is_ok(line), "{line}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback() {
        let ask = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(ask("0.0.0.0:9090"), "127.0.0.1:9090");
        assert_eq!(ask("[::]:9090"), "[::1]:9090");
        assert_eq!(ask("127.0.0.2:1"), "127.0.0.2:1");
    }
}
