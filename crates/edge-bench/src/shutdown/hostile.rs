//! Clients that won't go: each says something, or nothing, and holds on.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use watertight::Scope;

use crate::{
    load::Protocol,
    tls::Client,
    wire::{
        self,
        frames::{self as h2, PREFACE, frame, hello, plain_request},
    },
};

/// Between two bytes of those that are slow.
const SLOW: Duration = Duration::from_millis(20);

/// `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW: u16 = 4;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// One kind of client.
#[derive(Clone, Debug)]
pub(super) struct Hostile {
    pub(super) name: &'static str,
    shakes_hands: Option<Protocol>,
    says: Vec<u8>,
    /// Whether it waits for the first byte of an answer before it holds on.
    answered: bool,
    habit: Habit,
}

/// What it does while it holds on.
#[derive(Clone, Debug)]
enum Habit {
    Nothing,
    /// Reads a little now and then.
    Reads,
    /// Writes these bytes now and then.
    Writes(Vec<u8>),
}

/// A connection, plain or not.
trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// One client that holds on.
pub(super) struct Held {
    io: Box<dyn Io>,
    habit: Habit,
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// A request over HTTP/2 whose body, if it has one, is still to come.
fn over_http2(settings: &[(u16, u32)], method: &[u8], path: &str, flags: u8) -> Vec<u8> {
    let mut bytes = hello(settings);
    let block = plain_request(method, path);
    frame(&mut bytes, h2::HEADERS, h2::END_HEADERS | flags, 1, &block);
    bytes
}

impl Hostile {
    fn plain(name: &'static str, says: Vec<u8>, habit: Habit) -> Self {
        Self {
            name,
            shakes_hands: None,
            says,
            answered: false,
            habit,
        }
    }

    fn answered(self) -> Self {
        Self {
            answered: true,
            ..self
        }
    }

    fn shaken(self, protocol: Protocol) -> Self {
        Self {
            shakes_hands: Some(protocol),
            ..self
        }
    }

    /// All kinds that make sense with or without TLS.
    pub(super) fn all(tls: bool) -> Vec<Self> {
        if tls {
            Self::with_tls()
        } else {
            Self::without_tls()
        }
    }

    fn without_tls() -> Vec<Self> {
        let upload =
            "POST /count HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut byte = Vec::new();
        frame(&mut byte, h2::DATA, 0, 1, b"a");
        let shut = [(INITIAL_WINDOW, 0)];
        vec![
            Self::plain("silent", vec![], Habit::Nothing),
            Self::plain("half a preface", PREFACE[..15].to_vec(), Habit::Nothing),
            Self::plain("preface only", PREFACE.to_vec(), Habit::Nothing),
            Self::plain(
                "half a head",
                b"GET /hello HTTP/1.1\r\nhost: localhost\r\nx-a: ".to_vec(),
                Habit::Writes(b"b".to_vec()),
            ),
            Self::plain(
                "slow upload",
                upload.into(),
                Habit::Writes(b"1\r\na\r\n".to_vec()),
            ),
            Self::plain(
                "slow upload over HTTP/2",
                over_http2(&[], h2::POST, "/count", 0),
                Habit::Writes(byte),
            ),
            Self::plain("events, read slowly", get("/events"), Habit::Reads).answered(),
            Self::plain("events, not read", get("/events"), Habit::Nothing).answered(),
            Self::plain("16 MiB, not read", get("/big"), Habit::Nothing).answered(),
            Self::plain(
                "events over HTTP/2, window shut",
                over_http2(&shut, h2::GET, "/events", h2::END_STREAM),
                Habit::Nothing,
            )
            .answered(),
        ]
    }

    fn with_tls() -> Vec<Self> {
        // A record that holds half of a ClientHello.
        let half = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        vec![
            Self::plain("silent", vec![], Habit::Nothing),
            Self::plain("half a handshake", half, Habit::Nothing),
            Self::plain("silent after the handshake", vec![], Habit::Nothing)
                .shaken(Protocol::Http),
            Self::plain("preface only, over TLS", PREFACE.to_vec(), Habit::Nothing)
                .shaken(Protocol::Grpc),
            Self::plain("events over TLS, read slowly", get("/events"), Habit::Reads)
                .answered()
                .shaken(Protocol::Http),
            Self::plain("events over TLS, not read", get("/events"), Habit::Nothing)
                .answered()
                .shaken(Protocol::Http),
        ]
    }

    /// What it speaks after a whole handshake, if it makes one.
    pub(super) fn shakes_hands(&self) -> Option<Protocol> {
        self.shakes_hands
    }

    /// Connects and says what it has to say.
    ///
    /// # Errors
    ///
    /// If the server doesn't take it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the connection ends.
    pub(super) async fn open(&self, addr: SocketAddr, tls: Option<&Client>) -> io::Result<Held> {
        let mut io: Box<dyn Io> = match tls {
            // Through a narrow socket a whole record of TLS takes seconds.
            Some(tls) => Box::new(tls.connect(wire::connect(addr, SOURCE).await?).await?),
            None => Box::new(wire::connect_narrow(addr, SOURCE).await?),
        };
        io.write_all(&self.says).await?;
        io.flush().await?;
        if self.answered {
            io.read_u8().await?;
        }
        Ok(Held {
            io,
            habit: self.habit.clone(),
        })
    }
}

impl Held {
    /// Holds on until the server ends the connection, or `scope` ends.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the connection ends.
    pub(super) async fn hold(mut self, scope: Scope) {
        let mut buffer = [0; 1_024];
        loop {
            let held = match &self.habit {
                // Not even an end is noticed.
                Habit::Nothing => return std::future::pending().await,
                Habit::Reads => self.io.read(&mut buffer).await.map(|read| read > 0),
                Habit::Writes(bytes) => self.io.write_all(bytes).await.map(|()| true),
            };
            if !matches!(held, Ok(true)) || scope.pause(SLOW).await.is_err() {
                return;
            }
        }
    }
}
