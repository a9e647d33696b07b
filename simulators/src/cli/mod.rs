//! Command-line arguments of each simulator and their translation into options.

pub(crate) mod esme;
pub(crate) mod feed;
#[cfg(feature = "live")]
mod live;
pub(crate) mod load;
pub(crate) mod reconcile;
pub(crate) mod report;
pub(crate) mod sink;
pub(crate) mod smsc;

use std::path::PathBuf;

use veilgate_simulators::tls::TlsOptions;

/// How to reach a server over TLS.
#[derive(clap::Args)]
pub(crate) struct TlsArguments {
    /// PEM file of the authorities to trust; turns TLS on.
    #[arg(long)]
    tls_ca: Option<PathBuf>,
    /// PEM file of the client's certificate chain.
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// PEM file of the client's key.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Name to check the server's certificate against.
    #[arg(long, default_value = "localhost")]
    tls_name: String,
}

impl TlsArguments {
    pub(crate) fn options(self) -> Option<TlsOptions> {
        let authorities = self.tls_ca?;
        let identity = self.tls_certificate.zip(self.tls_key);
        Some(TlsOptions { authorities, identity, server_name: self.tls_name })
    }
}

/// Waits for an interrupt or a request to terminate.
pub(crate) async fn stopped() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Reads an SMPP version: `3.3`, `3.4` or `5.0`.
pub(crate) fn version(text: &str) -> Result<u8, String> {
    match text {
        "3.3" => Ok(0x33),
        "3.4" => Ok(0x34),
        "5.0" => Ok(0x50),
        _ => Err("3.3, 3.4 or 5.0".to_owned()),
    }
}
