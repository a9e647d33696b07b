//! A template's body: literal pieces and placeholders, `${name}`, `#name#` or `{{name}}`. It makes texts, knows the ones it
//! made, and recognizes texts that it could have made.

use std::collections::BTreeMap;

use super::params::Values;
use super::signature::has_bracket;
use super::variable::Variable;

/// The most characters a text made of a template may have (requirements.md 3.5).
pub(super) const MAX_LENGTH: usize = 500;

/// The most placeholders.
pub(super) const MAX_VARIABLES: usize = 20;

/// The most values tried before a text counts as not made of a body; an ordinary one takes a few.
const MAX_TRIES: usize = 5_000;

/// The longest name of a placeholder.
const MAX_NAME: usize = 32;

/// The ways a placeholder is written: what opens it and what closes it.
const STYLES: [(&str, &str); 3] = [("${", "}"), ("{{", "}}"), ("#", "#")];

/// Why a body is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("is empty, or nothing but placeholders")]
    NoText,
    #[error("may become longer than 500 characters")]
    Long,
    #[error("has 【 or 】: the signature stands apart")]
    Brackets,
    #[error("has control characters")]
    Control,
    #[error("has a placeholder that is not closed, or whose name is not 1-32 ASCII letters, digits and _")]
    Placeholder,
    #[error("has more than 20 placeholders")]
    Many,
    #[error("has two placeholders side by side")]
    Adjacent,
    #[error("has two placeholders with nothing but a dot between, which makes links")]
    Dotted,
    #[error("names a placeholder twice")]
    Twice,
    #[error("has a placeholder that `variables` does not have")]
    Undeclared,
    #[error("does not have a placeholder that `variables` has")]
    Unused,
}

/// A body, taken apart: between each two literals a placeholder. Only the first and the last literal may be empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    first: Box<str>,
    rest: Box<[(Placeholder, Box<str>)]>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placeholder {
    pub(super) name: Box<str>,
    pub(super) variable: Variable,
}

impl Body {
    /// Takes a body apart. `#` stands for itself where no name and second `#` follow, so do `$` and `{` alone.
    pub(super) fn parse(text: &str, variables: &BTreeMap<String, Variable>) -> Result<Self, BodyError> {
        if has_bracket(text) {
            return Err(BodyError::Brackets);
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(BodyError::Control);
        }
        if text.chars().take(MAX_LENGTH * 4).count() == MAX_LENGTH * 4 {
            return Err(BodyError::Long);
        }
        let mut pieces = Pieces { rest: text };
        let (first, mut name) = pieces.next()?;
        let mut rest: Vec<(Placeholder, Box<str>)> = Vec::new();
        while let Some(named) = name {
            let variable = *variables.get(named).ok_or(BodyError::Undeclared)?;
            let (literal, next) = pieces.next()?;
            rest.push((Placeholder { name: named.into(), variable }, literal.into()));
            name = next;
        }
        let body = Self { first: first.into(), rest: rest.into() };
        body.check(variables.len())?;
        Ok(body)
    }

    fn check(&self, declared: usize) -> Result<(), BodyError> {
        if self.rest.len() > MAX_VARIABLES {
            return Err(BodyError::Many);
        }
        let between = || self.rest.iter().rev().skip(1).map(|(_, literal)| literal);
        if between().any(|literal| literal.is_empty()) {
            return Err(BodyError::Adjacent);
        }
        if between().any(|literal| matches!(&**literal, "." | "。" | "．" | "｡" | "点" | "點")) {
            return Err(BodyError::Dotted);
        }
        if self.literals().all(str::is_empty) {
            return Err(BodyError::NoText);
        }
        let mut names: Vec<&str> = self.rest.iter().map(|(placeholder, _)| &*placeholder.name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(BodyError::Twice);
        }
        if names.len() != declared {
            return Err(BodyError::Unused);
        }
        if self.longest() > MAX_LENGTH {
            return Err(BodyError::Long);
        }
        Ok(())
    }

    /// The most characters it may become.
    fn longest(&self) -> usize {
        let literals: usize = self.literals().map(|literal| literal.chars().count()).sum();
        literals + self.rest.iter().map(|(placeholder, _)| placeholder.variable.longest()).sum::<usize>()
    }

    /// The literals, in order.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.first).chain(self.rest.iter().map(|(_, literal)| &**literal))
    }

    /// The placeholders, in order.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.rest.iter().map(|(placeholder, _)| placeholder)
    }

    /// Makes a text. `None` if a value is missing or not of its type.
    pub(super) fn make(&self, values: &Values<'_>) -> Option<String> {
        let mut text = String::from(&*self.first);
        for (at, (placeholder, literal)) in self.rest.iter().enumerate() {
            let value = values.find(at).filter(|value| placeholder.variable.accepts(value))?;
            text.push_str(value);
            text.push_str(literal);
        }
        Some(text)
    }

    /// Whether these values make exactly this text.
    pub(super) fn makes(&self, values: &Values<'_>, text: &str) -> bool {
        let all = || {
            let mut text = text.strip_prefix(&*self.first)?;
            for (at, (placeholder, literal)) in self.rest.iter().enumerate() {
                let value = values.find(at).filter(|value| placeholder.variable.accepts(value))?;
                text = text.strip_prefix(value)?.strip_prefix(&**literal)?;
            }
            Some(text.is_empty())
        };
        all().unwrap_or(false)
    }

    /// Whether some values make this text.
    pub(super) fn could_make(&self, text: &str) -> bool {
        let Some(inner) = text.strip_prefix(&*self.first) else { return false };
        let Some(((last, end), others)) = self.rest.split_last() else { return inner.is_empty() };
        let Some(inner) = inner.strip_suffix(&**end) else { return false };
        if inner.len() > MAX_LENGTH * 4 {
            return false;
        }
        // All places where the next value may begin.
        let mut tries = MAX_TRIES;
        let mut starts = vec![0];
        for (placeholder, literal) in others {
            starts = next_starts(inner, &starts, (placeholder.variable, literal), &mut tries);
            if starts.is_empty() {
                return false;
            }
        }
        starts.iter().any(|start| inner.get(*start..).is_some_and(|value| last.variable.accepts(value)))
    }
}

/// Where the next value may begin, if this one begins at one of `starts` and the literal stands behind it. Each value tried
/// takes one of `tries`; without any left nothing more is found.
fn next_starts(
    text: &str,
    starts: &[usize],
    (variable, literal): (Variable, &str),
    tries: &mut usize,
) -> Vec<usize> {
    let mut reached = vec![false; text.len() + 1];
    for start in starts {
        let Some(rest) = text.get(*start..) else { continue };
        let ends = rest.char_indices().skip(1).take(variable.longest()).map(|(end, _)| end);
        for end in ends {
            let Some((value, behind)) = rest.split_at_checked(end) else { continue };
            let Some(place) = reached.get_mut(start + end + literal.len()) else { break };
            if *place || !behind.starts_with(literal) {
                continue;
            }
            let Some(left) = tries.checked_sub(1) else { break };
            *tries = left;
            *place = variable.accepts(value);
        }
    }
    (0_usize..).zip(reached).filter(|(_, is_reached)| *is_reached).map(|(place, _)| place).collect()
}

/// What of a body is not read yet.
struct Pieces<'t> {
    rest: &'t str,
}

impl<'t> Pieces<'t> {
    /// The literal up to the next placeholder, and the name of this; none at the end.
    fn next(&mut self) -> Result<(&'t str, Option<&'t str>), BodyError> {
        let text = self.rest;
        for (at, _) in text.char_indices() {
            let (literal, rest) = text.split_at_checked(at).unwrap_or((text, ""));
            if let Some((name, rest)) = placeholder(rest)? {
                self.rest = rest;
                return Ok((literal, Some(name)));
            }
        }
        self.rest = "";
        Ok((text, None))
    }
}

/// The name of the placeholder that a text begins with, and what stands behind it.
fn placeholder(text: &str) -> Result<Option<(&str, &str)>, BodyError> {
    for (open, close) in STYLES {
        let Some(inner) = text.strip_prefix(open) else { continue };
        let named = inner.split_once(close).filter(|(name, _)| is_name(name));
        return if named.is_none() && open != "#" { Err(BodyError::Placeholder) } else { Ok(named) };
    }
    Ok(None)
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

#[cfg(test)]
mod tests;
