//! Sensitive words, found in texts however they are dressed up. Whoever is refused never hears which word it was: what is
//! found is a list.

use std::fmt;
use std::sync::Arc;

use daachorse::{CharwiseDoubleArrayAhoCorasick, CharwiseDoubleArrayAhoCorasickBuilder};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, ObjectId};

use super::fold::{folded, is_ideograph, walk};
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Table};
use crate::sets::Categories;
use crate::tenants::{Chain, TenantIndex, Tree};

/// The most words in all lists.
pub(super) const MAX_WORDS: usize = 200_000;

/// The longest word, in characters.
const MAX_LENGTH: usize = 64;

/// The longest word in its one spelling, in characters: one bit each of [`Scan::starts`].
const MAX_FOLDED: usize = 128;

/// Words that may not be sent, or are to be looked at.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WordList {
    /// For whom it holds: this tenant and everyone below it; none: everyone.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub tenant: Option<ObjectId>,
    /// What becomes of texts with such a word.
    pub action: WordAction,
    /// For what messages it holds.
    #[serde(default, skip_serializing_if = "is_all")]
    pub categories: Categories,
    /// Whether words of ASCII letters and digits are also looked for inside longer ones.
    #[serde(default)]
    pub substring: bool,
    /// The words, 1-64 characters each, at least one of them a letter or digit.
    pub words: Vec<String>,
}

/// What becomes of a text with a word of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WordAction {
    /// It is refused.
    Block,
    /// It waits until staff have looked at it.
    Hold,
    /// It goes on, and its CDR says so.
    Flag,
    /// It says how advertising is refused. Advertising without such a word is refused; a list of this kind replaces the
    /// wordings that are built in.
    OptOut,
}

impl fmt::Debug for WordList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WordList({:?}, {} words)", self.action, self.words.len())
    }
}

impl Managed for WordList {
    const KIND: Kind = Kind::WordList;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        if self.words.len() > MAX_WORDS {
            return Err(Mistake::of(Self::KIND, id, "words", format!("are more than {MAX_WORDS}")));
        }
        if self.action == WordAction::OptOut && !self.categories.contains(Category::Marketing) {
            return Err(Mistake::of(
                Self::KIND,
                id,
                "categories",
                "have to hold `marketing` with this action",
            ));
        }
        if self.action == WordAction::OptOut && self.words.is_empty() {
            return Err(Mistake::of(Self::KIND, id, "words", "are none, so nobody could advertise"));
        }
        for (at, word) in self.words.iter().enumerate() {
            let mistake = |problem: &str| Mistake::of(Self::KIND, id, format!("words[{at}]"), problem);
            if !(1..=MAX_LENGTH).contains(&word.chars().take(MAX_LENGTH + 1).count()) {
                return Err(mistake("has to have 1-64 characters"));
            }
            let length = folded(word).chars().count();
            if !(1..=MAX_FOLDED).contains(&length) {
                return Err(mistake(
                    "has no letter or digit, or becomes longer than 128 characters once it is written out",
                ));
            }
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_all(categories: &Categories) -> bool {
    *categories == Categories::ALL
}

/// The word lists of a policy.
#[derive(Default)]
pub(super) struct Words {
    pub(super) automaton: Arc<Automaton>,
    scopes: Box<[TenantIndex]>,
}

/// What was found in a text. Where several lists of one action have words in it, the first found is named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) block: Option<&'a ObjectId>,
    pub(super) hold: Option<&'a ObjectId>,
    pub(super) flagged: bool,
    pub(super) has_opt_out: bool,
}

impl Words {
    /// Puts an automaton, which knows no tenants, onto a tree.
    pub(super) fn compile(
        automaton: Arc<Automaton>,
        table: &Table<WordList>,
        tree: &Tree,
    ) -> Result<Self, Mistake> {
        let scope = |(id, list): (&ObjectId, &Arc<WordList>)| match &list.tenant {
            None => Ok(Tree::CARRIER),
            Some(name) => tree
                .index(name)
                .ok_or_else(|| Mistake::of(Kind::WordList, id, "tenant", "there is no such tenant")),
        };
        let scopes = table.iter().map(scope).collect::<Result<_, _>>()?;
        Ok(Self { automaton, scopes })
    }

    /// Looks for words.
    pub(super) fn find(&self, text: &str, chain: Chain<'_>, category: Category) -> Found<'_> {
        let Some(matcher) = &self.automaton.matcher else { return Found::default() };
        let mut scan =
            Scan { words: self, chain, category, found: Found::default(), starts: 0, waiting: Vec::new() };
        let mut stepper = matcher.find_overlapping_stepper();
        walk(text, |c, is_start| {
            scan.begin(is_start);
            stepper.consume(c);
            stepper.matches().for_each(|found| scan.take(found.value()));
        });
        scan.begin(true);
        scan.found
    }

    /// Whether a list of opt-out wordings holds for these tenants.
    pub(super) fn has_wordings_for(&self, chain: Chain<'_>) -> bool {
        let mut lists = self.automaton.lists.iter().zip(&self.scopes);
        lists.any(|(list, scope)| list.action == WordAction::OptOut && chain.contains(*scope))
    }
}

/// One text being looked through.
struct Scan<'a, 'c> {
    words: &'a Words,
    chain: Chain<'c>,
    category: Category,
    found: Found<'a>,
    /// Whether a word of ASCII could begin at the last 128 characters, the last one in the lowest bit.
    starts: u128,
    /// Owners of words of ASCII that end at the last character, if a new one begins at the next.
    waiting: Vec<Owner>,
}

impl Scan<'_, '_> {
    /// A character comes, or the end.
    fn begin(&mut self, is_start: bool) {
        self.starts = self.starts << 1 | u128::from(is_start);
        if self.waiting.is_empty() {
            return;
        }
        for owner in std::mem::take(&mut self.waiting) {
            if is_start {
                self.hit(owner);
            }
        }
    }

    /// A word ends here.
    fn take(&mut self, word: u32) {
        let words = self.words;
        let Some(word) = usize::try_from(word).ok().and_then(|word| words.automaton.words.get(word)) else {
            return;
        };
        let begins = self.starts >> word.length.saturating_sub(1) & 1 == 1;
        for owner in &word.owners {
            if !owner.is_whole {
                self.hit(*owner);
            } else if begins {
                self.waiting.push(*owner);
            }
        }
    }

    fn hit(&mut self, owner: Owner) {
        let at = usize::from(owner.list);
        let words = self.words;
        let (Some(list), Some(scope)) = (words.automaton.lists.get(at), words.scopes.get(at)) else { return };
        if !self.chain.contains(*scope) || !list.categories.contains(self.category) {
            return;
        }
        match list.action {
            WordAction::Block => self.found.block = self.found.block.or(Some(&list.id)),
            WordAction::Hold => self.found.hold = self.found.hold.or(Some(&list.id)),
            WordAction::Flag => self.found.flagged = true,
            WordAction::OptOut => self.found.has_opt_out = true,
        }
    }
}

/// All words of all lists, in their one spelling.
#[derive(Default)]
pub(super) struct Automaton {
    matcher: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
    words: Box<[Word]>,
    lists: Box<[List]>,
}

struct Word {
    /// In characters.
    length: u8,
    owners: Vec<Owner>,
}

/// A list that has the word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Owner {
    list: u16,
    /// Whether the word is none inside a longer one.
    is_whole: bool,
}

struct List {
    id: ObjectId,
    action: WordAction,
    categories: Categories,
}

impl Automaton {
    pub(super) fn compile(table: &Table<WordList>) -> Result<Self, Mistake> {
        let mut indices: HashMap<String, u32> = HashMap::new();
        let mut words = Vec::new();
        let mut lists = Vec::with_capacity(table.len());
        let mut count = 0;
        for (id, list) in table.iter() {
            let mistake = |field: &str, problem: &str| Mistake::of(Kind::WordList, id, field, problem);
            let index = u16::try_from(lists.len()).map_err(|_| mistake("", "there are too many lists"))?;
            count += list.words.len();
            if count > MAX_WORDS {
                return Err(mistake("words", "there are more than 200000 in all lists"));
            }
            for word in &list.words {
                add(&mut indices, &mut words, word, Owner { list: index, is_whole: !list.substring });
            }
            lists.push(List { id: id.clone(), action: list.action, categories: list.categories });
        }
        Ok(Self { matcher: matcher(indices)?, words: words.into(), lists: lists.into() })
    }
}

fn add(indices: &mut HashMap<String, u32>, words: &mut Vec<Word>, word: &str, owner: Owner) {
    let spelling = folded(word);
    let is_whole = owner.is_whole && spelling.is_ascii() && !word.contains(is_ideograph);
    let owner = Owner { is_whole, ..owner };
    let Ok(length) = u8::try_from(spelling.chars().count()) else { return };
    let Ok(next) = u32::try_from(words.len()) else { return };
    let index = *indices.entry(spelling).or_insert(next);
    if index == next {
        words.push(Word { length, owners: vec![owner] });
    } else if let Some(known) = usize::try_from(index).ok().and_then(|index| words.get_mut(index))
        && !known.owners.contains(&owner)
    {
        known.owners.push(owner);
    }
}

fn matcher(indices: HashMap<String, u32>) -> Result<Option<CharwiseDoubleArrayAhoCorasick<u32>>, Mistake> {
    let mut patterns: Vec<(String, u32)> = indices.into_iter().filter(|(word, _)| !word.is_empty()).collect();
    if patterns.is_empty() {
        return Ok(None);
    }
    patterns.sort_unstable();
    let built = CharwiseDoubleArrayAhoCorasickBuilder::new().build_with_values(patterns);
    built.map(Some).map_err(|_| Mistake {
        kind: Kind::WordList,
        id: None,
        field: String::new(),
        problem: "have too many words".to_owned(),
    })
}

#[cfg(test)]
mod tests;
