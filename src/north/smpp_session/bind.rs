//! Binds: who asks, whether the password is right, and what the answer is.

use std::sync::Arc;
use std::time::Duration;

use veilgate_admission::{Account, BindRefusal};
use veilgate_smpp::codec::{CString, Status};
use veilgate_smpp::pdu::BindMode;

use super::super::words::{audit_cause, audit_mode, bind_kind, refusal_status, refusal_word};
use super::pressure::Gauge;
use super::{Bound, Connection};
use crate::clock;
use crate::telemetry::events::{BindAccepted, BindRefused};

/// How long a refused bind waits for its answer: guessing costs the guesser.
const REFUSAL_DELAY: Duration = Duration::from_millis(500);
/// What the gateway calls itself in bind responses.
const SYSTEM_ID: &[u8] = b"veilgate";
/// The highest version the gateway speaks.
const VERSION: u8 = 0x50;

/// What a bind asked for, owned while the password is checked.
pub(super) struct BindRequest {
    pub(super) system_id: String,
    pub(super) password: Vec<u8>,
    pub(super) mode: BindMode,
}

impl Connection {
    pub(super) async fn bind(&mut self, request: BindRequest) {
        let account = self.authenticate(&request).await;
        let ticket = account.and_then(|account| account.open_bind());
        let draining = *self.shared.draining.borrow();
        match ticket {
            Ok(_) if draining => self.refuse_bind(Status::RBINDFAIL),
            Ok(ticket) => {
                let account = Arc::clone(ticket.account());
                let metrics = self.shared.hub.telemetry.metrics.account(account.id());
                metrics.binds.inc();
                let window = account.config().window.get();
                self.session.set_window_in(u16::try_from(window).unwrap_or(u16::MAX));
                let receives = request.mode != BindMode::Transmitter;
                let event = BindAccepted {
                    account: account.id().clone(),
                    peer: self.peer.address,
                    kind: bind_kind(request.mode),
                    binds: account.binds(),
                };
                event.emit(&self.shared.hub.telemetry);
                self.shared.hub.ledger.bind_accepted(
                    account.id(),
                    self.peer.address,
                    audit_mode(request.mode),
                );
                let system_id = CString::new(SYSTEM_ID).unwrap_or_default();
                let _ = self.session.accept_bind(system_id, VERSION, clock::mono());
                if receives {
                    self.shared.hub.receive_for(account.id(), &self.mailbox);
                }
                let gauge = Gauge::new(clock::mono(), metrics.submits.get());
                self.bound = Some(Bound { ticket, metrics, receives, gauge });
            }
            Err(refusal) => {
                let known = self.shared.accounts.find(&request.system_id).map(|account| account.id().clone());
                let ledger = &self.shared.hub.ledger;
                ledger.bind_refused(known.as_ref(), self.peer.address, audit_cause(refusal));
                if refusal == BindRefusal::NowLockedOut {
                    ledger.account_locked(known.as_ref(), self.peer.address);
                }
                let reason = refusal_word(refusal);
                let event = BindRefused { account: known, peer: self.peer.address, reason };
                event.emit(&self.shared.hub.telemetry);
                tokio::time::sleep(REFUSAL_DELAY).await;
                self.refuse_bind(refusal_status(refusal));
            }
        }
    }

    /// The bind may have timed out meanwhile; then there is nothing to refuse.
    fn refuse_bind(&mut self, status: Status) {
        let _ = self.session.refuse_bind(status);
    }

    /// Checks the password off the event loop, a few at a time.
    async fn authenticate(&self, request: &BindRequest) -> Result<Arc<Account>, BindRefusal> {
        let Ok(permit) = Arc::clone(&self.shared.checks).acquire_owned().await else {
            return Err(BindRefusal::NotAllowed);
        };
        let (accounts, peer) = (Arc::clone(&self.shared.accounts), self.peer);
        let (system_id, password) = (request.system_id.clone(), request.password.clone());
        let check = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            accounts.authenticate(
                &system_id,
                &password,
                peer.address,
                peer.certificate.as_ref(),
                clock::mono(),
            )
        });
        check.await.unwrap_or(Err(BindRefusal::NotAllowed))
    }
}
