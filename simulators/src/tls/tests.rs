//! ESME and load generator over mutual TLS: a terminator in front of the plain simulators.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::esme::{Client, ConnectOptions, Recipient, Submission};
use crate::load::{self, LoadOptions};
use crate::sink::{Sink, SinkOptions};

/// Writes an authority, and a certificate and key of `localhost` under it.
fn identities(directory: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate_pem = certificate.signed_by(&key, &issuer).unwrap().pem();
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    (
        write("ca.pem", authority_pem),
        write("cert.pem", certificate_pem),
        write("key.pem", key.serialize_pem()),
    )
}

/// Terminates TLS that demands a client certificate, and passes the octets on to `plain`.
async fn terminator(plain: SocketAddr, files: &(PathBuf, PathBuf, PathBuf)) -> SocketAddr {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.0).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&files.1).unwrap()],
            PrivateKeyDer::from_pem_file(&files.2).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let mut inside = TcpStream::connect(plain).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn esme_and_load_speak_mutual_tls() {
    let directory = tempfile::tempdir().unwrap();
    let files = identities(directory.path());
    let sink = Sink::start(SinkOptions::default()).await.unwrap();
    let address = terminator(sink.address(), &files).await;
    let identity = Some((files.1.clone(), files.2.clone()));
    let tls = TlsOptions { authorities: files.0.clone(), identity, server_name: "localhost".to_owned() };

    let mut connect = ConnectOptions::new(address, "esme", "");
    connect.tls = Some(tls.clone());
    let (client, mut incoming) = Client::connect(connect.clone()).await.unwrap();
    let submission = Submission::new("1069", Recipient::raw("+8619900000001"), "hello");
    assert_eq!(client.submit(&submission).await.unwrap()[0].status, 0);
    assert!(incoming.recv().await.is_some());

    let mut options = LoadOptions::new(address, "load", "");
    (options.count, options.duration) = (Some(2_000), None);
    options.tls = Some(tls.clone());
    let report = load::run(options, |_| ()).await.unwrap();
    assert!(report.is_clean() && report.full_trips == 2_000, "{}", report.text());

    connect.tls = Some(TlsOptions { identity: None, ..tls.clone() });
    connect.response_timeout = Duration::from_secs(2);
    assert!(Client::connect(connect.clone()).await.is_err());
    connect.tls = Some(TlsOptions { server_name: "elsewhere".to_owned(), ..tls });
    assert!(Client::connect(connect).await.is_err());
}
