//! What one role sent and got back, and whether that is what the gateway promises: conversation.py's twin.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use serde::Deserialize;

const ESME_RINVDSTADR: u32 = 0x0B;

#[derive(Deserialize)]
pub struct Plan {
    pub host: String,
    pub port: u16,
    pub answered: bool,
    pub roles: Vec<Role>,
}

#[derive(Clone, Deserialize)]
pub struct Role {
    pub bind: String,
    pub tlvs: bool,
    pub system_id: String,
    pub password: String,
    pub source: String,
    pub number: String,
    pub messages: Vec<Message>,
}

#[derive(Clone, Deserialize)]
pub struct Message {
    pub text: String,
    pub reply: String,
    pub pseudonym: String,
    edi: String,
    authorization_id: String,
    as_of: String,
    enterprise_id: String,
}

impl Message {
    /// The short form.
    pub fn tlvs(&self) -> [(u16, &str); 5] {
        [
            (0x1500, &self.edi),
            (0x1501, &self.pseudonym),
            (0x1502, &self.authorization_id),
            (0x1503, &self.as_of),
            (0x1504, &self.enterprise_id),
        ]
    }
}

#[derive(Clone)]
pub struct Conversation {
    role: Role,
    answered: bool,
    open_receipts: HashSet<String>,
    early_receipts: Vec<String>,
    open_replies: HashMap<String, String>,
    submitted: usize,
    receipts: usize,
    replies: usize,
    refused_number: bool,
    problems: Vec<String>,
}

impl Conversation {
    pub fn new(role: Role, answered: bool) -> Self {
        let open_replies =
            role.messages.iter().map(|message| (message.pseudonym.clone(), message.reply.clone()));
        Self {
            open_replies: open_replies.collect(),
            role,
            answered,
            open_receipts: HashSet::new(),
            early_receipts: Vec::new(),
            submitted: 0,
            receipts: 0,
            replies: 0,
            refused_number: false,
            problems: Vec::new(),
        }
    }

    pub fn accepted(&mut self, id: &str) {
        self.submitted += 1;
        if id.len() != 16 || !id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            self.problem(&format!("the message id is not 16 hexadecimal digits: {id:?}"));
        }
        self.open_receipts.insert(id.to_owned());
        for early in std::mem::take(&mut self.early_receipts) {
            self.receipted(&early);
        }
    }

    pub fn refused(&mut self, number: bool, status: u32) {
        match (number, status) {
            (true, ESME_RINVDSTADR) => self.refused_number = true,
            (true, _) => self.problem(&format!("the plain number was refused with 0x{status:x}")),
            (false, _) => self.problem(&format!("a submit was refused with 0x{status:x}")),
        }
    }

    pub fn receipt(&mut self, text: &str, receipted_message_id: Option<&str>) {
        let id = text.strip_prefix("id:").and_then(|rest| rest.split(' ').next());
        let parts =
            [" sub:001", " dlvrd:001", " submit date:", " done date:", " stat:DELIVRD", " err:", " text:"];
        match id {
            Some(id) if parts.iter().all(|part| text.contains(part)) => {
                if receipted_message_id != Some(id) {
                    self.problem("receipted_message_id and the text's id differ");
                }
                self.receipted(id);
            }
            _ => self.problem(&format!("the receipt's text does not parse: {text:?}")),
        }
    }

    fn receipted(&mut self, id: &str) {
        if self.open_receipts.remove(id) {
            self.receipts += 1;
        } else if self.submitted < self.role.messages.len() {
            self.early_receipts.push(id.to_owned());
        } else {
            self.problem("a receipt for a message that has none outstanding");
        }
    }

    pub fn reply(&mut self, source: &str, alphanumeric: bool, destination: &str, text: &str) {
        match self.open_replies.remove(source) {
            None => return self.problem(&format!("a reply from nobody: {source:?}")),
            Some(expected) if expected != text => self.problem(&format!("the reply says {text:?}")),
            Some(_) => {}
        }
        if !alphanumeric {
            self.problem("the reply's source_addr_ton is not 5");
        }
        if !destination.starts_with(&self.role.source) {
            self.problem(&format!("the reply is to {destination:?}"));
        }
        self.replies += 1;
    }

    pub fn problem(&mut self, words: &str) {
        self.problems.push(format!("{}: {words}", self.role.system_id));
    }

    /// Nothing is outstanding, or it is clear already that something went wrong.
    pub fn complete(&self) -> bool {
        let count = self.role.messages.len();
        let heard = !self.answered || (self.receipts == count && self.replies == count);
        !self.problems.is_empty() || (self.submitted == count && self.refused_number && heard)
    }
}

/// Prints what `run` reads.
pub fn finish(conversations: &[Conversation]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for each in conversations {
        for problem in &each.problems {
            eprintln!("{problem}");
        }
        if !each.complete() {
            let (id, count) = (&each.role.system_id, each.role.messages.len());
            let Conversation { submitted, refused_number, receipts, replies, .. } = each;
            eprintln!(
                "{id}: submitted {submitted}, number refused {refused_number}, receipts {receipts}, replies {replies} of {count}"
            );
        }
        if !each.complete() || !each.problems.is_empty() {
            code = ExitCode::FAILURE;
        }
    }
    let sum = |count: fn(&Conversation) -> usize| conversations.iter().map(count).sum::<usize>();
    println!(
        "submitted {}, receipts {}, replies {}",
        sum(|each| each.submitted),
        sum(|each| each.receipts),
        sum(|each| each.replies)
    );
    code
}
