//! Certificates and keys in files of PEM.

use std::path::Path;

use rustls_pki_types::pem::{PemObject as _, SectionKind, from_buf};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::ServeError;

/// Most bytes of a file.
const MOST_BYTES: u64 = 1 << 20;

/// The bytes of a file.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    anoseg_image::read::regular(path, MOST_BYTES)
        .map_err(|source| ServeError::Io { path: path.to_owned(), source })
}

/// The certificates of a file, in its order; at least one.
///
/// # Errors
/// There are none.
pub(super) fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let all = all.map_err(|error| malformed(path, &error))?;
    if all.is_empty() {
        let has_key = sections(bytes).iter().any(|kind| is_key(*kind));
        let what = if has_key {
            "it has a private key, and no certificate: give the file of the certificates first, then that of the key"
        } else {
            "it has no certificate of the form PEM (-----BEGIN CERTIFICATE-----)"
        };
        return Err(wrong(path, what));
    }
    Ok(all)
}

/// The private key of a file.
///
/// # Errors
/// There is none, or it is encrypted.
pub(super) fn key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, ServeError> {
    let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
    if encrypted.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark)) {
        let what = "the key is encrypted; write it without a passphrase (openssl pkey -in FILE -out NEW), readable by \
                    the user of the server alone";
        return Err(wrong(path, what));
    }
    match PrivateKeyDer::pem_slice_iter(bytes).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(error)) => Err(malformed(path, &error)),
        None if sections(bytes).contains(&SectionKind::Certificate) => {
            let what = "it has certificates, and no private key: give the file of the certificates first, then that of \
                        the key";
            Err(wrong(path, what))
        }
        None => Err(wrong(path, "it has no private key of the form PEM (-----BEGIN PRIVATE KEY-----)")),
    }
}

/// What a file has that is known.
fn sections(mut bytes: &[u8]) -> Vec<SectionKind> {
    std::iter::from_fn(|| from_buf(&mut bytes).ok().flatten()).map(|(kind, _)| kind).collect()
}

fn is_key(kind: SectionKind) -> bool {
    [SectionKind::PrivateKey, SectionKind::RsaPrivateKey, SectionKind::EcPrivateKey].contains(&kind)
}

/// The message has no part of the file, which may be a key.
fn malformed(path: &Path, error: &rustls_pki_types::pem::Error) -> ServeError {
    use rustls_pki_types::pem::Error;
    wrong(
        path,
        match error {
            Error::MissingSectionEnd { .. } => "it is cut short: a line -----END ...----- is missing",
            _ => "it is damaged: it is not of the form PEM",
        },
    )
}

fn wrong(path: &Path, what: &str) -> ServeError {
    ServeError::Tls { path: path.to_owned(), what: what.to_owned() }
}
