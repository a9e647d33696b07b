//! TLS 1.2 and 1.3 for the north with client certificates (B-4.1.1): no certificate, no SMPP.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ring::digest;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use veilgate_admission::CertificateFingerprint;
use veilgate_config::NorthTls;

/// What new connections are accepted with; those that stand keep what they were accepted with.
pub struct Certificates(ArcSwap<ServerConfig>);

impl Certificates {
    /// Reads the files of the configuration.
    ///
    /// # Errors
    /// As [`server_config`].
    pub fn read(config: &NorthTls) -> io::Result<Self> {
        Ok(Self(ArcSwap::new(server_config(config)?)))
    }

    /// Takes over what [`server_config`] read.
    pub fn replace(&self, fresh: Arc<ServerConfig>) {
        self.0.store(fresh);
    }

    /// What accepts the next connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

/// A configuration that demands a certificate of the configured authorities.
///
/// # Errors
/// [`io::Error`] with the file that cannot be read or holds nothing usable.
pub fn server_config(config: &NorthTls) -> io::Result<Arc<ServerConfig>> {
    let chain = certificates(&config.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|_| unusable(&config.key))?;
    let mut roots = RootCertStore::empty();
    for authority in certificates(&config.client_ca)? {
        roots.add(authority).map_err(|_| unusable(&config.client_ca))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|_| unusable(&config.client_ca))?;
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|_| unusable(&config.key))?;
    Ok(Arc::new(server))
}

/// SHA-256 of the certificate a client came with.
pub fn fingerprint(connection: &rustls::ServerConnection) -> Option<CertificateFingerprint> {
    let certificate = connection.peer_certificates()?.first()?;
    let digest = digest::digest(&digest::SHA256, certificate);
    digest.as_ref().try_into().ok().map(CertificateFingerprint)
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(|_| unusable(file))?.collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(unusable(file)),
    }
}

fn unusable(file: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: no usable certificate or key", file.display()))
}
