//! The listeners of the north and what bounds them: connections in all, per address, and not bound yet.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::north::smpp_session::{Peer, Shared, serve};
use crate::north::tls::{self, Certificates};
use crate::tcp::prepare;
use crate::telemetry::events::ConnectionRefused;
use crate::telemetry::words::ConnectionLimit;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// From one address.
    pub per_address: usize,
    /// Not bound yet.
    pub half_open: usize,
    /// From connecting to the end of the TLS handshake.
    pub handshake: Duration,
}

/// The connections that stand, over all listeners.
pub struct Doorkeeper {
    limits: ConnectionLimits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    total: usize,
    half_open: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// A place among the connections; given back when dropped.
struct Place {
    keeper: Arc<Doorkeeper>,
    address: IpAddr,
}

/// A place among the connections that are not bound yet.
struct HalfOpen(Arc<Doorkeeper>);

impl Doorkeeper {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    fn enter(self: &Arc<Self>, address: IpAddr) -> Result<(Place, HalfOpen), ConnectionLimit> {
        let mut counts = self.counts.lock();
        if counts.total >= self.limits.total {
            return Err(ConnectionLimit::Total);
        }
        if counts.half_open >= self.limits.half_open {
            return Err(ConnectionLimit::HalfOpen);
        }
        let here = counts.per_address.entry(address).or_insert(0);
        if *here >= self.limits.per_address {
            return Err(ConnectionLimit::PerAddress);
        }
        *here += 1;
        counts.total += 1;
        counts.half_open += 1;
        Ok((Place { keeper: Arc::clone(self), address }, HalfOpen(Arc::clone(self))))
    }

    /// Connections in all, and those not bound.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let counts = self.counts.lock();
        (counts.total, counts.half_open)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.keeper.counts.lock();
        counts.total -= 1;
        if let Some(here) = counts.per_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                counts.per_address.remove(&self.address);
            }
        }
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.0.counts.lock().half_open -= 1;
    }
}

/// Accepts connections until the gateway drains, then waits for those that stand.
pub async fn listen(
    listener: TcpListener,
    tls: Option<Arc<Certificates>>,
    keeper: Arc<Doorkeeper>,
    shared: Arc<Shared>,
) {
    let mut connections = JoinSet::new();
    let mut draining = shared.draining.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => welcome(stream, from, tls.as_deref().map(Certificates::acceptor), &keeper, &shared, &mut connections),
                // Out of descriptors, mostly: give those that are there time to go.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            () = drained(&mut draining) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn drained(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

fn welcome(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
    keeper: &Arc<Doorkeeper>,
    shared: &Arc<Shared>,
    connections: &mut JoinSet<()>,
) {
    let telemetry = &shared.hub.telemetry;
    let address = from.ip().to_canonical();
    let (place, half_open) = match keeper.enter(address) {
        Ok(places) => places,
        Err(limit) => return ConnectionRefused { peer: address, limit }.emit(telemetry),
    };
    telemetry.metrics.north.connections_opened.inc();
    if prepare(&stream).is_err() {
        return;
    }
    let shared = Arc::clone(shared);
    let handshake = keeper.limits.handshake;
    connections.spawn(async move {
        let _place = place;
        match tls {
            None => {
                let (reader, writer) = stream.into_split();
                serve(shared, Peer { address, certificate: None }, reader, writer, half_open).await;
            }
            Some(acceptor) => {
                let Ok(Ok(stream)) = tokio::time::timeout(handshake, acceptor.accept(stream)).await else {
                    return;
                };
                let certificate = tls::fingerprint(stream.get_ref().1);
                let (reader, writer) = tokio::io::split(stream);
                serve(shared, Peer { address, certificate }, reader, writer, half_open).await;
            }
        }
    });
}
