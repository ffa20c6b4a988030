//! Encryption of connections: the certificate, and its renewal while the server runs.

mod pem;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};

use crate::ServeError;

/// The files that connections are encrypted with, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate, followed by those that it was issued with.
    pub certificates: PathBuf,
    /// The private key of the server's certificate, not encrypted: PKCS #8, SEC1 or PKCS #1.
    pub key: PathBuf,
}

/// The certificate that is in use, and the files that it is read from.
pub(crate) struct Certificate {
    files: Tls,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    seen: Mutex<Seen>,
}

/// The bytes of both files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

/// What was found in the files.
struct Seen {
    in_use: Contents,
    /// Why they could not be used at the last look; empty where they could.
    bad: String,
    /// Whether that was told.
    told: bool,
}

/// What a look at the files found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Nothing to tell.
    Same,
    /// A new certificate, which is in use from now on.
    Renewed,
    /// Files that cannot be used, and why; the former certificate stays in use.
    Bad(String),
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// They cannot be read, or are no certificate with its key.
    pub(crate) fn read(files: &Tls) -> Result<Self, ServeError> {
        let provider = Arc::new(ring::default_provider());
        let contents = Contents::read(files)?;
        let key = contents.parse(files, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(key))));
        let seen = Mutex::new(Seen { in_use: contents, bad: String::new(), told: false });
        Ok(Self { files: files.clone(), provider, current, seen })
    }

    /// What accepts connections of a protocol, such as `h2`.
    ///
    /// # Errors
    /// None is known.
    pub(crate) fn acceptor(&self, protocol: &[u8]) -> Result<TlsAcceptor, rustls::Error> {
        let config = ServerConfig::builder_with_provider(self.provider.clone());
        let config = config.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth();
        let mut config = config.with_cert_resolver(self.current.clone());
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Looks at the files, and takes what is new into use. Bad files are told once, at the second look that finds
    /// them bad: at the first one, only one of both may be written.
    pub(crate) fn renew(&self) -> Renewal {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = Contents::read(&self.files);
        let is_same = found.as_ref().is_ok_and(|contents| *contents == seen.in_use);
        let parsed = found.and_then(|contents| {
            let key = (!is_same).then(|| contents.parse(&self.files, &self.provider)).transpose()?;
            Ok((contents, key))
        });
        match parsed {
            Ok((in_use, key)) => {
                *seen = Seen { in_use, bad: String::new(), told: false };
                let Some(key) = key else { return Renewal::Same };
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                Renewal::Renewed
            }
            Err(error) => {
                let bad = error.to_string();
                let again = bad == seen.bad;
                let tell = again && !seen.told;
                seen.told = tell || (again && seen.told);
                seen.bad.clone_from(&bad);
                if tell { Renewal::Bad(bad) } else { Renewal::Same }
            }
        }
    }
}

impl Contents {
    fn read(files: &Tls) -> Result<Self, ServeError> {
        Ok(Self { certificates: pem::read(&files.certificates)?, key: pem::read(&files.key)? })
    }

    /// The certificates with their key.
    fn parse(&self, files: &Tls, provider: &CryptoProvider) -> Result<CertifiedKey, ServeError> {
        let certificates = pem::certificates(&files.certificates, &self.certificates)?;
        let key = pem::key(&files.key, &self.key)?;
        let wrong = |path: &Path, what: String| ServeError::Tls { path: path.to_owned(), what };
        let key = provider.key_provider.load_private_key(key).map_err(|error| {
            let what = format!("the key cannot be used ({error}); give one of RSA, ECDSA or Ed25519");
            wrong(&files.key, what)
        })?;
        let certified = CertifiedKey::new(certificates, key);
        match certified.keys_match() {
            // A key that does not tell its public half is not compared.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(rustls::Error::InconsistentKeys(_)) => {
                let what = format!(
                    "its first certificate is not that of the key in {}; give the server's own certificate first, and \
                     its key",
                    files.key.display()
                );
                Err(wrong(&files.certificates, what))
            }
            Err(error) => {
                Err(wrong(&files.certificates, format!("its first certificate cannot be used: {error}")))
            }
        }
    }
}

/// The certificate that new connections get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
