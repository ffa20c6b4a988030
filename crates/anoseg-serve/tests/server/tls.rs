//! Encrypted connections, of both protocols.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anoseg::ErrorKind;
use anoseg_serve::{ServeError, Server, Settings, Tls};
use base64::Engine as _;
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tonic::transport::Endpoint;

use crate::common::{Running, Shop, png, wait_until};
use crate::grpc_client::{GrpcInferenceServiceClient, of_file, runtime};

/// A certificate for this machine, and its key.
fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

/// Writes a new certificate into the files of `files`, and gives it.
fn write(files: &Tls) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = certificate();
    std::fs::write(&files.certificates, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn files(shop: &Shop) -> Tls {
    Tls { certificates: shop.path("chain.pem"), key: shop.path("key.pem") }
}

/// Settings with a new certificate.
fn encrypted(shop: &Shop) -> (Settings, CertificateDer<'static>) {
    let files = files(shop);
    let certificate = write(&files);
    (Settings { tls: Some(files), ..shop.settings_with_grpc() }, certificate)
}

fn connector(
    trusted: &CertificateDer<'static>,
    alpn: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// A connection, its version and the protocol that was agreed on.
async fn connect(
    address: SocketAddr,
    connector: TlsConnector,
) -> std::io::Result<(tokio_rustls::client::TlsStream<tokio::net::TcpStream>, ProtocolVersion, Option<Vec<u8>>)>
{
    let stream = tokio::net::TcpStream::connect(address).await?;
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
    let session = stream.get_ref().1;
    let (version, alpn) = (session.protocol_version().unwrap(), session.alpn_protocol().map(<[u8]>::to_vec));
    Ok((stream, version, alpn))
}

/// The status of a GET over HTTP/1.1.
async fn status(address: SocketAddr, connector: TlsConnector, path: &str) -> std::io::Result<u16> {
    let (stream, ..) = connect(address, connector).await?;
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    let request = axum::http::Request::get(path).header("host", "localhost").body(axum::body::Body::empty());
    let answer = send.send_request(request.unwrap()).await.map_err(std::io::Error::other)?;
    Ok(answer.status().as_u16())
}

/// A server, once it is ready.
fn start(settings: Settings, trusted: &CertificateDer<'static>) -> Running {
    let server = Running::begin(settings);
    let connector = connector(trusted, &[], &[&TLS13]);
    let runtime = runtime();
    wait_until("the server is ready", || {
        let status = status(server.address, connector.clone(), "/v2/health/ready");
        runtime.block_on(status).is_ok_and(|status| status == 200)
    });
    server
}

#[test]
fn both_protocols_are_encrypted_in_both_versions() {
    let shop = Shop::new();
    let (settings, trusted) = encrypted(&shop);
    let server = start(settings, &trusted);
    runtime().block_on(async {
        for (versions, expected) in [(&TLS13, ProtocolVersion::TLSv1_3), (&TLS12, ProtocolVersion::TLSv1_2)] {
            for (address, offered, agreed) in [
                (server.address, &["h2", "http/1.1"][..], Some(b"http/1.1".to_vec())),
                (server.address, &[], None),
                (server.grpc.unwrap(), &["h2", "http/1.1"], Some(b"h2".to_vec())),
            ] {
                let (_, version, alpn) =
                    connect(address, connector(&trusted, offered, &[versions])).await.unwrap();
                assert_eq!((version, alpn), (expected, agreed));
            }
        }
        assert!(connect(server.grpc.unwrap(), connector(&trusted, &["http/1.1"], &[&TLS13])).await.is_err());
        // Another certificate than the one that is trusted.
        let other = certificate().cert.der().clone();
        assert!(connect(server.address, connector(&other, &[], &[&TLS13])).await.is_err());

        let (address, connector) = (server.grpc.unwrap(), connector(&trusted, &["h2"], &[&TLS13]));
        let connect = tower::service_fn(move |_: axum::http::Uri| {
            let connector = connector.clone();
            async move { connect(address, connector).await.map(|(stream, ..)| TokioIo::new(stream)) }
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect_with_connector(connect).await.unwrap();
        let mut client = GrpcInferenceServiceClient::new(channel).max_decoding_message_size(usize::MAX);
        let answer = client.model_infer(of_file(&png(), &[])).await.unwrap().into_inner();
        assert_eq!(answer.outputs.len(), 4);
    });
}

#[test]
fn clients_without_encryption_and_slow_ones_hold_up_nobody() {
    let shop = Shop::new();
    let (settings, trusted) = encrypted(&shop);
    let server =
        start(Settings { header_timeout: Duration::from_secs(1), connections: 8, ..settings }, &trusted);
    for address in [server.address, server.grpc.unwrap()] {
        let mut plain = TcpStream::connect(address).unwrap();
        plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        _ = plain.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    // The beginning of a handshake, and nothing.
    let slow: Vec<TcpStream> = (0..6)
        .map(|number| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(&[22, 3, 1, 2, 0][..number % 6]).unwrap();
            stream
        })
        .collect();
    let connector = connector(&trusted, &[], &[&TLS13]);
    let runtime = runtime();
    let begun = Instant::now();
    assert_eq!(runtime.block_on(status(server.address, connector.clone(), "/healthz")).unwrap(), 200);
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        _ = stream.read_to_end(&mut Vec::new());
    }
    assert!((Duration::from_millis(500)..Duration::from_secs(15)).contains(&begun.elapsed()));
}

#[test]
fn a_certificate_is_renewed_while_the_server_runs() {
    let shop = Shop::new();
    let (settings, first) = encrypted(&shop);
    let files = settings.tls.clone().unwrap();
    let server = start(settings, &first);
    let runtime = runtime();
    let reached = |trusted: &CertificateDer<'static>| {
        runtime.block_on(connect(server.address, connector(trusted, &[], &[&TLS13]))).is_ok()
    };
    // Bad ones, at any moment of a renewal: the former certificate stays.
    let other_key = certificate().signing_key.serialize_pem();
    for (path, text) in [(&files.certificates, ""), (&files.key, &other_key)] {
        let good = std::fs::read(path).unwrap();
        let failures = failures(&server, &first, &runtime);
        std::fs::write(path, text).unwrap();
        wait_until("it is told", || self::failures(&server, &first, &runtime) > failures);
        assert!(reached(&first));
        std::fs::write(path, good).unwrap();
    }
    let second = write(&files);
    wait_until("the new certificate is in use", || reached(&second));
    assert!(!reached(&first));
    runtime.block_on(async {
        let (address, connector) = (server.grpc.unwrap(), connector(&second, &["h2"], &[&TLS12]));
        connect(address, connector).await.unwrap();
    });
}

/// How often a bad certificate was told.
fn failures(server: &Running, trusted: &CertificateDer<'static>, runtime: &tokio::runtime::Runtime) -> u64 {
    use http_body_util::BodyExt as _;
    let text = runtime.block_on(async {
        let (stream, ..) = connect(server.address, connector(trusted, &[], &[&TLS13])).await.unwrap();
        let (mut send, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = axum::http::Request::get("/metrics").header("host", "localhost");
        let answer = send.send_request(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    });
    let line = text.lines().find(|line| line.contains("reason=\"certificate\""));
    line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[test]
fn keys_of_every_form_are_read() {
    let shop = Shop::new();
    let CertifiedKey { cert, signing_key } = certificate();
    // PKCS #8 holds the key in the form of SEC1, as its last part.
    let pkcs8 = signing_key.serialize_der();
    let start = pkcs8.windows(4).position(|window| window[0] == 0x30 && window[2..] == [2, 1]).unwrap();
    let sec1 =
        pkcs8[start..].windows(5).position(|window| window[0] == 0x30 && window[2..] == [2, 1, 1]).unwrap()
            + start;
    let sec1 = base64::engine::general_purpose::STANDARD
        .encode(&pkcs8[sec1..sec1 + 2 + usize::from(pkcs8[sec1 + 1])]);
    let sec1 = format!("-----BEGIN EC PRIVATE KEY-----\n{sec1}\n-----END EC PRIVATE KEY-----\n");
    let rsa = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    let rsa = |name: &str| std::fs::read_to_string(rsa.join(name)).unwrap();
    for (certificates, key) in [
        (cert.pem(), signing_key.serialize_pem()),
        (cert.pem(), sec1),
        (rsa("rsa.crt"), rsa("rsa_pkcs1.key")),
        (rsa("rsa.crt"), rsa("rsa_pkcs8.key")),
    ] {
        let files = files(&shop);
        std::fs::write(&files.certificates, &certificates).unwrap();
        std::fs::write(&files.key, key).unwrap();
        let trusted = CertificateDer::from_pem_slice(certificates.as_bytes()).unwrap();
        drop(self::start(Settings { tls: Some(files), ..shop.settings() }, &trusted));
    }
}

#[test]
fn files_that_cannot_be_used_are_told_at_the_start() {
    let shop = Shop::new();
    let CertifiedKey { cert, signing_key } = certificate();
    let (good, key) = (cert.pem(), signing_key.serialize_pem());
    let other = certificate().signing_key.serialize_pem();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned();
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE KEY-----\n"
            .to_owned();
    let cut = key[..key.len() / 2].to_owned();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    for (certificates, private, parts) in [
        (key.clone(), good.clone(), &["chain.pem", "no certificate", "then that of the key"][..]),
        (good.clone(), good.clone(), &["key.pem", "no private key", "certificates first"]),
        (String::new(), key.clone(), &["chain.pem", "no certificate", "BEGIN CERTIFICATE"]),
        (good.clone(), String::new(), &["key.pem", "no private key", "BEGIN PRIVATE KEY"]),
        (good.clone(), encrypted, &["key.pem", "encrypted", "openssl pkey"]),
        (good.clone(), old, &["key.pem", "encrypted", "openssl pkey"]),
        (good.clone(), other, &["chain.pem", "not that of the key", "key.pem"]),
        (good.clone(), cut, &["key.pem", "cut short"]),
        (damaged, key, &["chain.pem", "cannot be used"]),
    ] {
        let files = files(&shop);
        std::fs::write(&files.certificates, certificates).unwrap();
        std::fs::write(&files.key, private).unwrap();
        let error = Server::bind(Settings { tls: Some(files), ..shop.settings() }).err().unwrap();
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(error.kind(), ErrorKind::Arguments);
    }
    let files = Tls { key: shop.path("absent.key"), ..files(&shop) };
    let error = Server::bind(Settings { tls: Some(files), ..shop.settings() }).err().unwrap();
    assert!(matches!(error, ServeError::Io { .. }) && error.to_string().contains("absent.key"));
}
