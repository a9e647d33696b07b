//! SMPP over TLS: who comes with which certificate. Cases 10 and 24 of smpp-cases.md.

use std::fmt::Write as _;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use veilgate::admin::{Request, Response};

use crate::smpp_raw::*;
use crate::smpp_stage::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn sign(&self, purpose: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }

    fn client(&self) -> Identity {
        self.sign(ExtendedKeyUsagePurpose::ClientAuth)
    }
}

impl Identity {
    fn fingerprint(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate);
        digest.as_ref().iter().fold(String::new(), |mut text, octet| {
            write!(text, "{octet:02x}").unwrap();
            text
        })
    }
}

/// A connection with this certificate, if the gateway lets it stand so far; TLS 1.3 refuses late.
async fn connect(
    stage: &Stage,
    authority: &Authority,
    identity: Option<&Identity>,
    version: &'static SupportedProtocolVersion,
) -> Option<Peer> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
            config.with_client_auth_cert(vec![identity.certificate.clone()], key).unwrap()
        }
    };
    let stream = TcpStream::connect(stage.app.addresses().tls.unwrap()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok().map(Peer::over)
}

/// The server's certificate as a new client sees it.
async fn shown(stage: &Stage, authority: &Authority, identity: &Identity) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.certificate.clone()], key)
        .unwrap();
    let stream = TcpStream::connect(stage.app.addresses().tls.unwrap()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// What a bind gets over such a connection; none when the connection ends instead.
async fn bind(peer: Option<Peer>, account: &str) -> Option<u32> {
    let mut peer = peer?;
    if !peer.try_write(&Pdu::new(BIND_TRANSCEIVER, 1, bind_body(account, PASSWORD, 0x34)).octets()).await {
        return None;
    }
    peer.read().await.map(|response| response.status)
}

/// Cases 10 and 24: without a certificate of the right authority there is no SMPP; an account that names its
/// certificate takes no other, and comes over nothing but TLS.
#[tokio::test]
async fn certificates_decide_who_may_speak() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = authority.sign(ExtendedKeyUsagePurpose::ServerAuth);
    let (own, other, foreign) = (authority.client(), authority.client(), stranger.client());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("server.pem"), &server.pem).unwrap();
    std::fs::write(folder.path().join("server.key"), server.key.serialize_pem()).unwrap();
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let north = "bind_timeout = \"3s\"\n[north.tls]\nlisten = \"127.0.0.2:0\"\ncertificate = \"server.pem\"\n\
                 key = \"server.key\"\nclient_ca = \"ca.pem\"";
    let shop = format!("certificate_sha256 = \"{}\"", own.fingerprint());
    let stage = Stage::set_in(folder, Plan { north, shop: &shop, ..Plan::default() }).await;
    let mut link = stage.link().await;
    for version in [&TLS12, &TLS13] {
        let with = async |identity: Option<&Identity>| connect(&stage, &authority, identity, version).await;
        assert_eq!(bind(with(Some(&own)).await, "shop").await, Some(0));
        assert_eq!(bind(with(Some(&other)).await, "shop").await, Some(0x0d), "another account's certificate");
        assert_eq!(bind(with(Some(&other)).await, "notary").await, Some(0), "any of the authority will do");
        assert_eq!(bind(with(Some(&foreign)).await, "shop").await, None, "another authority");
        assert_eq!(bind(with(Some(&server)).await, "notary").await, None, "a server's certificate");
        assert_eq!(bind(with(None).await, "notary").await, None, "no certificate");
    }
    let mut plain = Peer::connect(stage.north()).await;
    assert_eq!(plain.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0x0d, "not over TLS");
    // Who talks SMPP without TLS there, or nothing at all, is closed.
    let address = stage.app.addresses().tls.unwrap();
    let mut naked = Peer::connect(address).await;
    naked.try_write(&Pdu::new(ENQUIRE_LINK, 1, Vec::new()).octets()).await;
    let mut silent = Peer::connect(address).await;
    naked.raw_end().await;
    silent.raw_end().await;
    // The whole way over TLS.
    let mut peer = connect(&stage, &authority, Some(&own), &TLS13).await.unwrap();
    assert_eq!(peer.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0);
    let id = peer.accepted(&Message::to(&stage.people[0].pseudonym, "sealed")).await;
    let seen = link.took("1").await;
    link.receipt(&seen, "1", "DELIVRD").await;
    assert_eq!(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap(), id);
}

/// Case 24: a reload takes over new certificates for new connections; those that stand stay, and unusable files change
/// nothing.
#[tokio::test]
async fn certificates_are_read_again() {
    let authority = Authority::new();
    let [first, second] = [(); 2].map(|()| authority.sign(ExtendedKeyUsagePurpose::ServerAuth));
    let client = authority.client();
    let folder = tempfile::tempdir().unwrap();
    let put = |folder: &std::path::Path, identity: &Identity| {
        std::fs::write(folder.join("server.pem"), &identity.pem).unwrap();
        std::fs::write(folder.join("server.key"), identity.key.serialize_pem()).unwrap();
    };
    put(folder.path(), &first);
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let north = "[north.tls]\nlisten = \"127.0.0.2:0\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
                 client_ca = \"ca.pem\"";
    let stage = Stage::set_in(folder, Plan { north, ..Plan::default() }).await;
    let mut standing = connect(&stage, &authority, Some(&client), &TLS13).await.unwrap();
    assert_eq!(standing.bind(BIND_TRANSCEIVER, "shop", PASSWORD, 0x34).await.status, 0);
    assert_eq!(shown(&stage, &authority, &client).await, first.certificate);
    put(stage.folder.path(), &second);
    assert!(matches!(stage.ops(Request::Reload {}).await, Response::Reloaded { .. }));
    assert_eq!(shown(&stage, &authority, &client).await, second.certificate);
    std::fs::write(stage.folder.path().join("server.pem"), "no certificate").unwrap();
    assert!(matches!(stage.ops(Request::Reload {}).await, Response::Refused { .. }));
    assert_eq!(shown(&stage, &authority, &client).await, second.certificate);
    standing.is_quiet().await;
}
