//! `veilgate review`: messages that a word list holds until staff have looked at them.

use clap::Subcommand;
use veilgate::admin::{Request, ReviewShown};
use veilgate_names::MessageId;

use crate::say;

#[derive(Subcommand)]
pub(crate) enum ReviewCommand {
    /// List messages that wait, by their ids.
    List {
        /// Those behind this id.
        #[arg(long)]
        after: Option<String>,
    },
    /// Let one pass; released when this returns.
    Pass {
        /// Its id.
        message: String,
    },
    /// Refuse one: its sender gets the receipt REJECTD.
    Refuse {
        /// Its id.
        message: String,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn request(command: ReviewCommand) -> Result<Request, String> {
    let id = |text: &str| MessageId::parse(text).map_err(|_| "not a message id".to_owned());
    Ok(match command {
        ReviewCommand::List { after } => {
            Request::ReviewList { after: after.as_deref().map(id).transpose()?.map(|id| id.to_string()) }
        }
        ReviewCommand::Pass { message } => Request::ReviewPass { message: id(&message)? },
        ReviewCommand::Refuse { message, yes: true } => Request::ReviewRefuse { message: id(&message)? },
        ReviewCommand::Refuse { .. } => {
            return Err("nothing is changed yet: say --yes to do it".to_owned());
        }
    })
}

pub(crate) fn show(waiting: u64, messages: &[ReviewShown], next: Option<&str>) {
    for ReviewShown { message, enterprise, list, accepted_at, expires_at } in messages {
        let list = list.as_deref().unwrap_or("a list that is gone");
        say(&format!("{message}  {enterprise}, held by {list}, accepted {accepted_at}, ends {expires_at}"));
    }
    say(&format!("{waiting} wait"));
    if let Some(next) = next {
        say(&format!("more: --after {next}"));
    }
}
