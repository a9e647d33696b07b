//! `veilgate balance`: what is asked of the running gateway, and its answers in words.

use clap::{Args, Subcommand};
use veilgate::admin::{BalanceShown, PaymentAsked, Request, Response};
use veilgate_names::ObjectId;

use crate::say;

/// What is said of a destructive command without `--yes` (A-7.4-2).
const CONFIRM: &str = "nothing is taken out yet: say --yes to do it";

#[derive(Subcommand)]
pub(crate) enum BalanceCommand {
    /// Tell how tenants that pay stand, in thousandths of a yuan.
    Show {
        /// One of them.
        tenant: Option<String>,
    },
    /// Pay in for a tenant; durable when this returns.
    PayIn(Payment),
    /// Take out of a tenant's balance what is free.
    TakeOut {
        #[command(flatten)]
        payment: Payment,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub(crate) struct Payment {
    /// The tenant.
    tenant: String,
    /// How much, in thousandths of a yuan.
    millis: u64,
    /// The payment's own number: told again, it counts once.
    #[arg(long)]
    reference: String,
}

/// The request of a command.
pub(crate) fn request(command: BalanceCommand) -> Result<Request, String> {
    match command {
        BalanceCommand::Show { tenant } => {
            let tenant = tenant.map(|tenant| name("tenant", &tenant)).transpose()?;
            Ok(Request::BalanceShow { tenant })
        }
        BalanceCommand::PayIn(payment) => asked(&payment, false),
        BalanceCommand::TakeOut { payment, yes: true } => asked(&payment, true),
        BalanceCommand::TakeOut { .. } => Err(CONFIRM.to_owned()),
    }
}

/// What came of a command.
pub(crate) fn told(response: &Response) -> Result<(), String> {
    match response {
        Response::Paid { known, balance } => {
            say(if *known { "counted before" } else { "counted" });
            show(balance);
        }
        Response::Balances { balances } => balances.iter().for_each(show),
        _ => return Err("unexpected answer".to_owned()),
    }
    Ok(())
}

fn show(balance: &BalanceShown) {
    let BalanceShown { tenant, paid_in, charged, reserved, credit, available } = balance;
    say(&format!(
        "{tenant}: available {available}, paid in {paid_in}, charged {charged}, reserved {reserved}, credit {credit}"
    ));
}

fn asked(payment: &Payment, takes_out: bool) -> Result<Request, String> {
    let millis = i64::try_from(payment.millis).map_err(|_| "the amount is too much".to_owned())?;
    Ok(Request::BalancePay(PaymentAsked {
        tenant: name("tenant", &payment.tenant)?,
        reference: name("reference", &payment.reference)?,
        millis: if takes_out { -millis } else { millis },
    }))
}

fn name(what: &str, text: &str) -> Result<ObjectId, String> {
    ObjectId::parse(text).map_err(|error| format!("{what}: {error}"))
}
