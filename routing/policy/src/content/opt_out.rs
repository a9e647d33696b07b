//! How advertising says that it can be refused (requirements.md 3.5). Looked for like sensitive words are, so that width,
//! case, quotation marks and blanks do not matter.

use std::sync::{Arc, LazyLock};

use veilgate_names::ObjectId;

use super::words::{Automaton, WordAction, WordList, Words};
use crate::mistake::Mistake;
use crate::objects::Table;
use crate::sets::Categories;
use crate::tenants::Tree;

/// What is refused.
const THINGS: [&str; 4] = ["退订", "拒收", "取消订阅", "不再接收"];
/// What to do.
const VERBS: [&str; 6] = ["回", "回复", "回覆", "请回", "请回复", "发送"];
/// With what, as the gateway understands it in a reply.
const KEYS: [&str; 4] = ["R", "T", "TD", "N"];
/// Wordings that are not put together.
const OTHERS: [&str; 4] = ["回复退订", "回退订", "reply STOP", "text STOP"];

/// The wordings that are built in: 拒收请回复R, 回T退订, 退订回TD and their like.
pub(super) static BUILT_IN: LazyLock<Words> = LazyLock::new(|| compile().unwrap_or_default());

fn compile() -> Result<Words, Mistake> {
    let mut words: Vec<String> = OTHERS.map(str::to_owned).into();
    for thing in THINGS {
        for verb in VERBS {
            words.extend(
                KEYS.iter().flat_map(|key| [format!("{thing}{verb}{key}"), format!("{verb}{key}{thing}")]),
            );
        }
    }
    let list = WordList {
        tenant: None,
        action: WordAction::OptOut,
        categories: Categories::ALL,
        substring: false,
        words,
    };
    let mut table = Table::default();
    if let Ok(id) = ObjectId::parse("built-in") {
        table.put(id, Arc::new(list));
    }
    Words::compile(Arc::new(Automaton::compile(&table)?), &table, &Tree::default())
}
