//! Where the NATS server is, and as whom it is asked.

use std::fmt;
use std::io::ErrorKind::InvalidData;
use std::path::PathBuf;

use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr};

use crate::WorkerError;

/// A NATS server with JetStream.
#[derive(Clone)]
pub struct Nats {
    servers: Vec<ServerAddr>,
    /// A file of credentials (a JWT and its key), as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// PEM file of certificates that the server's is checked with, besides those of the system.
    pub authority: Option<PathBuf>,
}

impl Nats {
    /// The servers that a text names, with commas between them: `nats://HOST:PORT`, or `tls://`, each perhaps with
    /// `USER:PASSWORD@` before the host.
    ///
    /// # Errors
    /// A message that has neither user nor password.
    ///
    /// ```
    /// let nats = anoseg_worker::Nats::parse("tls://part:secret@nats.example:4222")?;
    /// assert_eq!(nats.to_string(), "tls://nats.example:4222");
    /// # Ok::<(), String>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = || {
            "give the address of a NATS server, such as nats://127.0.0.1:4222 or tls://host:4222".to_owned()
        };
        let servers: Result<Vec<ServerAddr>, _> =
            text.split(',').map(|server| server.trim().parse()).collect();
        let servers = servers.map_err(|_| allowed())?;
        let known =
            |server: &ServerAddr| matches!(server.scheme(), "nats" | "tls") && !server.host().is_empty();
        if text.trim().is_empty() || !servers.iter().all(known) {
            return Err(allowed());
        }
        Ok(Self { servers, credentials: None, authority: None })
    }

    /// Connects. `is_needed` is asked every few seconds while there is no server; without it this fails at once.
    pub(crate) async fn connect(
        &self,
        is_needed: Option<&dyn Fn() -> bool>,
    ) -> Result<async_nats::Client, WorkerError> {
        loop {
            let options = self.options().await?;
            match options.connect(self.servers.clone()).await {
                Ok(client) => return Ok(client),
                Err(error) => {
                    use ConnectErrorKind::{Dns, Io, MaxReconnects, TimedOut};
                    let passes = matches!(error.kind(), Dns | Io | TimedOut | MaxReconnects);
                    let error = WorkerError::Connect { server: self.to_string(), source: error.into() };
                    if !passes || !is_needed.is_some_and(|is_needed| is_needed()) {
                        return Err(error);
                    }
                    tracing::warn!("{error}; trying again");
                    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                }
            }
        }
    }

    async fn options(&self) -> Result<ConnectOptions, WorkerError> {
        let mut options = ConnectOptions::new().name("anoseg").max_reconnects(None);
        // A user in the address counts only where it is given to the client itself.
        if let Some(server) = self.servers.iter().find(|server| server.has_user_pass()) {
            let text = |text: Option<&str>| decoded(text.unwrap_or_default());
            options = options.user_and_password(text(server.username()), text(server.password()));
        }
        if let Some(path) = &self.credentials {
            options = options.credentials_file(path).await.map_err(|error| WorkerError::io(path, error))?;
        }
        if let Some(path) = &self.authority {
            let text = std::fs::read_to_string(path).map_err(|error| WorkerError::io(path, error))?;
            if !text.contains("-----BEGIN CERTIFICATE-----") {
                let error = std::io::Error::new(InvalidData, "it has no certificate in the form of PEM");
                return Err(WorkerError::io(path, error));
            }
            options = options.add_root_certificates(path.clone());
        }
        Ok(options)
    }
}

impl fmt::Display for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, server) in self.servers.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{}://{}:{}", server.scheme(), server.host(), server.port())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nats({self})")
    }
}

/// A part of an address with its `%xx` as the characters that they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_shows_user_or_password() {
        let nats = Nats::parse("nats://me:secret@a:4223, tls://b").unwrap();
        assert_eq!(nats.to_string(), "nats://a:4223,tls://b:4222");
        assert_eq!(format!("{nats:?}"), "Nats(nats://a:4223,tls://b:4222)");
        for wrong in ["", "http://me:secret@a", "nats://me:secret@:x", "nats://"] {
            let told = Nats::parse(wrong).unwrap_err();
            assert!(told.contains("nats://127.0.0.1:4222") && !told.contains("secret"), "{wrong}: {told}");
        }
    }

    #[test]
    fn escaped_characters_of_a_password_are_decoded() {
        assert_eq!(decoded("p%40ss%3Aw%C3%B6rd%"), "p@ss:wörd%");
    }
}
