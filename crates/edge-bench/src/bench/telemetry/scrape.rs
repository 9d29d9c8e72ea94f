//! What a server tells of itself on its admin port.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use watertight_core::Deadline;

use crate::{error::Error, process::Server, rest::rest, wire};

/// An admin port that takes longer is not there.
const SCRAPE_MAX: Duration = Duration::from_secs(10);

/// Between two scrapes, as Prometheus would at its fastest.
const PERIOD: Duration = Duration::from_secs(1);

/// Until what a server does must show: batches of traces wait for a second.
const SHOWS_MAX: Duration = Duration::from_secs(10);

/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(100);

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// The answer to one scrape.
#[derive(Debug)]
pub(super) struct Scraped(String);

impl Scraped {
    /// Asks for all metrics.
    ///
    /// # Errors
    ///
    /// If the admin port doesn't answer in time, or with anything but metrics.
    pub(super) async fn of(server: &Server) -> Result<Self, Error> {
        let scraped = Deadline::after(SCRAPE_MAX).run(ask(server)).await;
        let late = |_late| io::ErrorKind::TimedOut.into();
        let text = scraped.map_err(late).and_then(|text| text);
        text.map(Self)
            .map_err(|error| Error::Measure(format!("no metrics: {error}")))
    }

    /// The sum of all samples whose lines begin like this; 0 without any.
    pub(super) fn sum(&self, beginning: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(beginning)?;
            // Else it is the beginning of another name.
            let is_own = beginning.ends_with('}') || rest.starts_with(['{', ' ']);
            rest.rsplit_once(' ')
                .filter(|_| is_own)?
                .1
                .parse::<f64>()
                .ok()
        });
        values.sum()
    }
}

async fn ask(server: &Server) -> io::Result<String> {
    let admin = server.admin.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut tcp = wire::connect(admin, IpAddr::V4(Ipv4Addr::LOCALHOST)).await?;
    tcp.write_all(REQUEST).await?;
    let mut text = String::new();
    tcp.read_to_string(&mut text).await?;
    if text.starts_with("HTTP/1.1 200") {
        Ok(text)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Scrapes each second, and never ends by itself.
pub(super) async fn keep_on(server: &Server) -> Error {
    loop {
        if let Err(error) = Scraped::of(server).await {
            return error;
        }
        rest(PERIOD).await;
    }
}

/// Waits until each of these is more than 0.
///
/// # Errors
///
/// If one never is, or a scrape fails.
pub(super) async fn shows(server: &Server, names: &[&str]) -> Result<Scraped, Error> {
    let begin = std::time::Instant::now();
    loop {
        let scraped = Scraped::of(server).await?;
        let Some(missing) = names.iter().find(|name| scraped.sum(name) <= 0.0) else {
            return Ok(scraped);
        };
        if begin.elapsed() > SHOWS_MAX {
            return Err(Error::Measure(format!("nothing in {missing}: it was off")));
        }
        rest(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_name_are_added_up_and_no_others() {
        let text = "HTTP/1.1 200 OK\r\n\r\n# TYPE a_total counter\n\
            a_total{level=\"info\"} 3\na_total{level=\"warn\"} 4\na_total_more 8\nb 1e3\n";
        let scraped = Scraped(text.to_owned());
        assert_eq!(scraped.sum("a_total"), 7.0);
        assert_eq!(scraped.sum("a_total{level=\"info\"}"), 3.0);
        assert_eq!(scraped.sum("b"), 1_000.0);
        assert_eq!(scraped.sum("c"), 0.0);
    }
}
