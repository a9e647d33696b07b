//! `veilgate policy explain`: what every rule says of a message.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use veilgate::admin::{
    ChargeTold, DecidedBefore, Request, RuleSaid, RulesAsked, RulesExplained, Secret, SupposedAsked,
};
use veilgate_names::{AuthorizationId, EnterpriseId, MessageId, ObjectId};

use crate::{say, text};

/// More than a request can carry.
const MAX_TEXT: u64 = 60_000;

#[derive(Args)]
pub(crate) struct Explain {
    /// A message that was accepted and has not ended.
    #[arg(long, conflicts_with_all = ["enterprise", "number", "text", "text_file", "template", "params", "authorization", "at"])]
    message: Option<String>,
    /// Whose message it would be.
    #[arg(long, required_unless_present = "message", requires = "number")]
    enterprise: Option<EnterpriseId>,
    /// The service number it would come from.
    #[arg(long, requires = "enterprise")]
    number: Option<String>,
    /// Its text; on a host with others, rather --text-file.
    #[arg(long, conflicts_with = "text_file")]
    text: Option<String>,
    /// A file with its text; `-` is standard input.
    #[arg(long)]
    text_file: Option<PathBuf>,
    /// The template it would name.
    #[arg(long)]
    template: Option<String>,
    /// What would go into the template, JSON.
    #[arg(long, requires = "template")]
    params: Option<String>,
    /// Under which authorization it would come: rules about the person are asked too.
    #[arg(long)]
    authorization: Option<String>,
    /// When, such as 2026-03-01T09:30:00+08:00; default: now.
    #[arg(long)]
    at: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn request(self) -> Result<Request, String> {
        if let Some(id) = &self.message {
            let id = MessageId::parse(id).map_err(|_| "message: not a message id")?;
            return Ok(Request::PolicyExplain(RulesAsked::Message(id)));
        }
        let typed = match (self.text, self.text_file) {
            (Some(text), _) => Some(text),
            (None, Some(path)) => Some(read(&path)?),
            (None, None) => None,
        };
        let template = self.template.as_deref().map(ObjectId::parse).transpose();
        let authorization = self.authorization.as_deref().map(AuthorizationId::parse).transpose();
        Ok(Request::PolicyExplain(RulesAsked::Supposed(SupposedAsked {
            enterprise: self.enterprise.ok_or("--enterprise is needed")?,
            number: self.number.ok_or("--number is needed")?,
            text: typed.map(Secret::new),
            template: template.map_err(|error| format!("template: {error}"))?,
            params: self.params.map(Secret::new),
            authorization: authorization.map_err(|error| format!("authorization: {error}"))?,
            at: self.at,
        })))
    }
}

/// A text of a file, without the line feed that ends it.
fn read(path: &std::path::Path) -> Result<String, String> {
    let mut found = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(MAX_TEXT).read_to_string(&mut found)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_TEXT).read_to_string(&mut found))
    };
    read.map_err(|error| format!("{}: {}", path.display(), text(error)))?;
    if found.ends_with('\n') {
        found.pop();
    }
    Ok(found)
}

pub(crate) fn show(explained: &RulesExplained, as_json: bool) -> Result<(), String> {
    if as_json {
        say(&serde_json::to_string_pretty(explained).map_err(text)?);
        return Ok(());
    }
    explained.rules.iter().for_each(|rule| say(&line(rule)));
    if let Some(consent) = &explained.consent {
        say(&format!("{:<16} {consent}", "consent"));
    }
    say("");
    say(&format!("decision: {}", line(&explained.decision).trim_start()));
    let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
    say(&format!(
        "policy {}, category {}, signature {}, template {}{}",
        explained.policy,
        explained.category,
        or_none(&explained.signature),
        or_none(&explained.template),
        if explained.flagged { ", flagged" } else { "" }
    ));
    explained.charge.iter().for_each(|charge| say(&format!("would cost {}", cost(charge))));
    explained.before.iter().for_each(show_before);
    Ok(())
}

fn line(said: &RuleSaid) -> String {
    let RuleSaid { rule, says, until, reason, object } = said;
    let rest = [until, reason, object].into_iter().flatten().map(String::as_str);
    let words: Vec<&str> = std::iter::once(says.as_str()).chain(rest).collect();
    format!("{:<16} {}", rule.as_deref().unwrap_or_default(), words.join(" "))
}

fn show_before(before: &DecidedBefore) {
    let DecidedBefore { accepted_at, scheduled_at, policy, rule, object, category, review, counted, charge } =
        before;
    let by = match (rule, object) {
        (Some(rule), Some(object)) => format!("put off by {rule} {object}"),
        (Some(rule), None) => format!("put off by {rule}"),
        (None, _) => "allowed".to_owned(),
    };
    say(&format!("accepted {accepted_at} under policy {policy} as {category}: {by}"));
    let until = scheduled_at.as_ref().map_or_else(String::new, |at| format!(", not before {at}"));
    let counted = if *counted { "counted" } else { "not counted" };
    say(&format!("review {review}, contact {counted}{until}"));
    charge.iter().for_each(|charge| say(&format!("reserved {}", cost(charge))));
}

fn cost(ChargeTold { payer, plan, millis }: &ChargeTold) -> String {
    format!("{millis} thousandths of a yuan, paid by {payer} by plan {plan}")
}
