//! TLS over real sockets: handshakes good and bad, certificates good and bad, reloads.

use crate::common::{LIVENESS, app};
use axum::routing::get;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use watertight::{
    ListenerTag, MetricsRegistry, Routes, Running, RustlsAcceptor, Scope, Server, ServerConfig,
    StartError, Tls, TlsError, TlsFiles, axum, bind,
};

/// An authority, and where it puts what it issues.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, as PEM.
struct Pair {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn issue(&self) -> Pair {
        self.issue_between(2020, 2120)
    }

    fn issue_between(&self, from: i32, to: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        Pair {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        roots.add(ca).unwrap();
        roots
    }

    /// A client that trusts this authority.
    fn client(&self, alpn: &str) -> ClientConfig {
        let mut config = builder()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.into()];
        config
    }
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
}

impl Pair {
    fn write(&self, dir: &Path) -> TlsFiles {
        let files = TlsFiles::new(dir.join("tls.crt"), dir.join("tls.key"));
        std::fs::write(&files.cert, &self.cert).unwrap();
        std::fs::write(&files.key, &self.key).unwrap();
        files
    }
}

fn router() -> axum::Router {
    let version =
        async |request: http::Request<axum::body::Body>| format!("{:?}", request.version());
    axum::Router::new().route("/", get(version))
}

async fn serve(files: TlsFiles) -> Running {
    app(&[]).tls(files).http(router()).start().await.unwrap()
}

async fn connect(addr: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    within(LIVENESS, connector.connect(name, tcp)).await
}

/// One HTTP/1 exchange, as text; the connection stays open.
async fn exchange(tls: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    tls.write_all(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"HTTP/1.1") {
        let mut some = [0; 512];
        let read = within(LIVENESS, tls.read(&mut some)).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&some[..read]);
    }
    Ok(String::from_utf8(answer).unwrap())
}

/// The certificate that a server shows to a new connection.
async fn shown(addr: SocketAddr, authority: &Authority) -> Vec<u8> {
    let tls = connect(addr, authority.client("http/1.1")).await.unwrap();
    tls.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// For the metrics of this thread, which is where tokio's tests run all tasks.
fn recorder() -> MetricsRegistry {
    MetricsRegistry::default()
}

async fn counted(metrics: &MetricsRegistry, line: &str) {
    let seen = || metrics.render().lines().any(|rendered| rendered == line);
    testkit::wait_until_async(LIVENESS, async || seen()).await;
}

#[watertight::test]
async fn http1_and_http2_over_tls_share_the_port() {
    let recorder = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.clone();
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let running = serve(authority.issue().write(dir.path())).await;
    assert!(running.url().starts_with("https://127.0.0.1:"));

    let mut tls = connect(running.addr(), authority.client("http/1.1"))
        .await
        .unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(
        exchange(&mut tls)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );

    let tls = connect(running.addr(), authority.client("h2"))
        .await
        .unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut send, conn) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls))
            .await
            .unwrap();
    let drive = async move { drop(conn.await) };
    running.scope().spawn_idle("client", drive);
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new());
    let answer = send.send_request(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "HTTP/2.0");
    drop(send);

    counted(&metrics, r#"server_tls_handshakes_total{result="ok"} 2"#).await;
    let expiry = date_time_ymd(2120, 1, 1).unix_timestamp();
    assert_eq!(running.tls().unwrap().not_after_s(), expiry);
    counted(
        &metrics,
        &format!("tls_certificate_expiry_seconds {expiry}"),
    )
    .await;
    running.shutdown().await;
}

#[watertight::test]
async fn tls_1_2_is_still_spoken() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let running = serve(authority.issue().write(dir.path())).await;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let old = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    let mut tls = connect(running.addr(), old).await.unwrap();
    assert!(exchange(&mut tls).await.is_ok());
    running.shutdown().await;
}

#[watertight::test]
async fn bad_handshakes_fail_cleanly_and_are_told_apart() {
    let recorder = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.clone();
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let running = serve(authority.issue().write(dir.path())).await;
    let addr = running.addr();

    let stranger = connect(addr, Authority::new().client("h2")).await;
    assert!(
        stranger
            .unwrap_err()
            .to_string()
            .contains("invalid peer certificate")
    );
    assert!(connect(addr, authority.client("smtp")).await.is_err());
    let hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff";
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nhost: t\r\n\r\n",
        hello,
        &[0x16; 600],
        b"",
    ];
    for bytes in garbage {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        tcp.write_all(bytes).await.unwrap();
        tcp.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // An alert or a reset; in any case no HTTP, and an end.
        let _reset = within(LIVENESS, tcp.read_to_end(&mut answer)).await;
        assert!(answer.len() < 16, "{answer:?}");
    }
    for (result, count) in [
        ("client_refused", 1),
        ("incompatible", 1),
        ("not_tls", 1),
        ("malformed", 2),
        ("broken", 1),
    ] {
        let line = format!(r#"server_tls_handshakes_total{{result="{result}"}} {count}"#);
        counted(&metrics, &line).await;
    }
    let mut tls = connect(addr, authority.client("http/1.1")).await.unwrap();
    assert!(exchange(&mut tls).await.is_ok());
    running.shutdown().await;
}

#[watertight::test]
async fn a_stalled_handshake_is_cut_off() {
    let recorder = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.clone();
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::load(Authority::new().issue().write(dir.path())).unwrap();
    let config = ServerConfig {
        handshake_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let scope = Scope::root("test");
    let server = Server::new(&scope, config, Routes::http(router()));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = server
        .listen(listener, ListenerTag("main"), RustlsAcceptor::new(tls))
        .unwrap();
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    tcp.write_all(b"\x16\x03\x01").await.unwrap();
    let mut answer = [0; 16];
    let read = within(LIVENESS, tcp.read(&mut answer));
    assert_eq!(read.await.unwrap_or(0), 0);
    counted(&metrics, r#"server_tls_handshakes_total{result="cut"} 1"#).await;
    server.shutdown(Duration::ZERO).await;
}

async fn refused(files: TlsFiles) -> String {
    assert!(files.check().is_err());
    let error = app(&[]).tls(files).http(router()).start().await;
    let error = error.map(|_running| ()).unwrap_err();
    assert!(matches!(error, StartError::Tls(_)), "{error:?}");
    let source = std::error::Error::source(&error).unwrap();
    format!("{error}: {source}")
}

#[watertight::test]
async fn what_cannot_be_served_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let good = authority.issue();
    let name = |file: &str| dir.path().join(file).display().to_string();

    let expired = refused(authority.issue_between(2010, 2015).write(dir.path())).await;
    assert!(expired.contains(&name("tls.crt")), "{expired}");
    assert!(
        expired.contains("expired on Jan  1 00:00:00 2015"),
        "{expired}"
    );
    let early = refused(authority.issue_between(2110, 2120).write(dir.path())).await;
    assert!(
        early.contains("not valid before Jan  1 00:00:00 2110"),
        "{early}"
    );

    let foreign = Pair {
        key: authority.issue().key,
        cert: good.cert.clone(),
    };
    let foreign = refused(foreign.write(dir.path())).await;
    assert!(
        foreign.contains("is not that of the certificate"),
        "{foreign}"
    );

    let swapped = Pair {
        cert: good.key.clone(),
        key: good.cert.clone(),
    };
    let swapped = refused(swapped.write(dir.path())).await;
    assert!(
        swapped.contains("tls.crt holds no certificate"),
        "{swapped}"
    );
    let keyless = Pair {
        cert: good.cert.clone(),
        key: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n".to_owned(),
    };
    let keyless = refused(keyless.write(dir.path())).await;
    assert!(
        keyless.contains("holds no unencrypted private key"),
        "{keyless}"
    );
    assert!(!keyless.contains("c2VjcmV0"), "{keyless}");

    let files = good.write(dir.path());
    let authorities = refused(files.clone().with_client_ca(&files.key)).await;
    assert!(
        authorities.contains("tls.key holds no certificate"),
        "{authorities}"
    );
    std::fs::write(&files.key, vec![b'x'; 1024 * 1024 + 1]).unwrap();
    assert!(refused(files.clone()).await.contains("cannot read"));
    std::fs::remove_file(&files.key).unwrap();
    let missing = refused(files).await;
    assert!(
        missing.contains("cannot read") && missing.contains("tls.key"),
        "{missing}"
    );
}

#[watertight::test]
async fn settings_name_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = authority.issue().write(dir.path());
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (cert, key) = (path(&files.cert), path(&files.key));
    let both = ["--tls-cert", &*cert, "--tls-key", &*key];
    let running = app(&both).http(router()).start().await.unwrap();
    let mut tls = connect(running.addr(), authority.client("http/1.1"))
        .await
        .unwrap();
    exchange(&mut tls).await.unwrap();
    running.shutdown().await;

    authority.issue_between(2010, 2015).write(dir.path());
    for (args, expected) in [
        (&both[..2], "tls_key"),
        (&both[2..], "tls_cert"),
        (&both[..], "expired on"),
        (&["--tls-client-ca", &*cert][..], "needs tls_cert"),
    ] {
        let error = app(args).start().await.map(|_running| ()).unwrap_err();
        assert!(matches!(error, StartError::Config(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[watertight::test]
async fn a_reload_is_for_new_connections() {
    let recorder = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.clone();
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let running = serve(authority.issue().write(dir.path())).await;
    let tls = running.tls().unwrap();
    let mut old = connect(running.addr(), authority.client("http/1.1"))
        .await
        .unwrap();
    exchange(&mut old).await.unwrap();
    let first = shown(running.addr(), &authority).await;
    assert!(!tls.reload().unwrap(), "nothing has changed");

    let next = authority.issue_between(2020, 2119);
    next.write(dir.path());
    assert!(tls.reload().unwrap());
    let second = shown(running.addr(), &authority).await;
    assert_ne!(first, second);
    assert_eq!(
        tls.not_after_s(),
        date_time_ymd(2119, 1, 1).unix_timestamp()
    );
    exchange(&mut old).await.unwrap();

    // What is no good changes nothing, and is counted once however often it is seen.
    authority.issue_between(2010, 2015).write(dir.path());
    for _look in 0..2 {
        let error = tls.reload().unwrap_err();
        assert!(matches!(error, TlsError::Expired { .. }), "{error}");
    }
    std::fs::write(dir.path().join("tls.crt"), &authority.issue().cert).unwrap();
    assert!(matches!(
        tls.reload().unwrap_err(),
        TlsError::Mismatch { .. }
    ));
    assert_eq!(shown(running.addr(), &authority).await, second);
    counted(&metrics, r#"tls_reloads_total{result="ok"} 1"#).await;
    counted(&metrics, r#"tls_reloads_total{result="refused"} 2"#).await;
    let debug = format!("{tls:?} {running:?}");
    assert!(
        debug.contains("tls.key") && !debug.contains("PRIVATE"),
        "{debug}"
    );
    running.shutdown().await;
}

/// Two may look at once. The one that read the old files must not store them
/// over the new ones.
#[test]
fn reloads_wait_for_each_other() {
    let (dir, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new();
    let files = authority.issue().write(dir.path());
    let tls = Tls::load(files.clone()).unwrap();

    // Whoever reads this key waits until it is written.
    let slow = authority.issue_between(2020, 2118);
    std::fs::write(&files.cert, &slow.cert).unwrap();
    std::fs::remove_file(&files.key).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&files.key)
        .status();
    assert!(made.unwrap().success());
    let new = authority.issue_between(2020, 2119).write(staging.path());
    std::thread::scope(|threads| {
        threads.spawn(|| tls.reload());
        let opened = std::fs::OpenOptions::new().write(true).open(&files.key);
        std::fs::rename(&new.cert, &files.cert).unwrap();
        std::fs::rename(&new.key, &files.key).unwrap();
        let (done, quick) = std::sync::mpsc::sync_channel(1);
        let tls = &tls;
        threads.spawn(move || done.send(tls.reload().is_ok()));
        // If it waits for the slow one, as it should, this elapses.
        let early = quick.recv_timeout(Duration::from_millis(300));
        std::io::Write::write_all(&mut opened.unwrap(), slow.key.as_bytes()).unwrap();
        assert!(early.or_else(|_elapsed| quick.recv()).unwrap());
    });
    let new_one = date_time_ymd(2119, 1, 1).unix_timestamp();
    assert_eq!(tls.not_after_s(), new_one);
}

#[watertight::test]
async fn changed_files_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let mut files = authority.issue().write(dir.path());
    files.poll = Duration::from_millis(10);
    let running = serve(files).await;
    let first = shown(running.addr(), &authority).await;
    authority.issue().write(dir.path());
    let changed = async || shown(running.addr(), &authority).await != first;
    testkit::wait_until_async(LIVENESS, changed).await;
    running.shutdown().await;
}

#[watertight::test]
async fn clients_show_certificates_where_they_must() {
    let recorder = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.clone();
    let dir = tempfile::tempdir().unwrap();
    let (authority, clients) = (Authority::new(), Authority::new());
    let ca = dir.path().join("clients.pem");
    std::fs::write(&ca, &clients.pem).unwrap();
    let files = authority.issue().write(dir.path()).with_client_ca(ca);
    let running = serve(files).await;
    let client = |pair: &Pair| {
        let cert = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        builder()
            .with_root_certificates(authority.roots())
            .with_client_auth_cert(vec![cert], key)
            .unwrap()
    };
    let mut known = connect(running.addr(), client(&clients.issue()))
        .await
        .unwrap();
    exchange(&mut known).await.unwrap();
    // With TLS 1.3 a client learns of it only when it reads.
    for config in [client(&authority.issue()), authority.client("http/1.1")] {
        let mut stranger = connect(running.addr(), config).await.unwrap();
        assert!(exchange(&mut stranger).await.is_err());
    }
    let line = r#"server_tls_handshakes_total{result="client_certificate"} 2"#;
    counted(&metrics, line).await;
    running.shutdown().await;
}
