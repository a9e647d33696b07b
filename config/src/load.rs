//! From text to [`Config`]: parse, check, and find the line of what is wrong.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::check::check;
use crate::error::{ConfigError, Mistake};
use crate::paths;
use crate::root::Config;

impl Config {
    /// Reads the `text` of the file `path`. Relative file names are taken from the folder of `path`. TLS files must
    /// exist, and password files are read.
    ///
    /// # Errors
    /// The first mistake, with its line and key.
    pub fn load(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let fail = |offset: usize, key: &str, problem: &str| ConfigError {
            file: path.to_path_buf(),
            line: line_of(text, offset),
            key: one_line(key),
            problem: one_line(problem),
        };
        let table = DeTable::parse(text)
            .map_err(|error| fail(error.span().map_or(0, |span| span.start), "", error.message()))?;
        read(path, &table)
            .map_err(|mistake| fail(locate(&table, &mistake.key), &mistake.key, &mistake.problem))
    }
}

fn read(path: &Path, table: &Spanned<DeTable<'_>>) -> Result<Config, Mistake> {
    let from = toml::Deserializer::from(table.clone());
    let mut config: Config = serde_path_to_error::deserialize(from)
        .map_err(|error| describe(&error.path().to_string(), error.inner().message()))?;
    paths::anchor(&mut config, path.parent().unwrap_or(Path::new("")));
    check(&config)?;
    paths::look(&mut config)?;
    Ok(config)
}

/// Turns a serde message into ours; what stood in the file is left out of it.
fn describe(path: &str, message: &str) -> Mistake {
    let key = if path == "." { "" } else { path };
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return Mistake::new(below(name), "missing");
    }
    if message.starts_with("unknown field") {
        let known = message.rsplit_once("expected ").map_or("", |(_, known)| known);
        let known = known.strip_prefix("one of ").unwrap_or(known).replace('`', "");
        return Mistake::new(key, format!("unknown key; known here: {known}"));
    }
    let problem = message.rsplit_once(", expected ").map(|(_, expected)| format!("expected {expected}"));
    Mistake::new(key, problem.unwrap_or_else(|| message.to_owned()))
}

/// Where the deepest part of `key` that exists stands in the text.
fn locate(table: &Spanned<DeTable<'_>>, key: &str) -> usize {
    let mut at = 0;
    let mut table = table.get_ref();
    for step in key.split('.') {
        let (name, indexes) = step.split_once('[').unwrap_or((step, ""));
        let Some((found, mut value)) = table.iter().find(|(known, _)| known.get_ref().as_ref() == name)
        else {
            return at;
        };
        at = found.span().start;
        for index in indexes.split('[').filter_map(|index| index.trim_end_matches(']').parse::<usize>().ok())
        {
            let Some(element) = value.get_ref().as_array().and_then(|list| list.get(index)) else {
                return at;
            };
            at = element.span().start;
            value = element;
        }
        let DeValue::Table(inner) = value.get_ref() else { return at };
        table = inner;
    }
    at
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
