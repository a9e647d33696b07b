//! CSV files of objects whose fields are plain. Which column is a text and which a number is what the kind's schema says.

use serde_json::{Map, Value};
use veilgate_names::ObjectId;

use super::change::{Change, Expected};
use super::import::{Import, LineMistake, MAX_MISTAKES};
use crate::objects::{Kind, Object};

/// Columns of a file at most.
const MAX_COLUMNS: usize = 64;

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    /// The object's name.
    Id,
    Text,
    /// Digits.
    Number,
    /// `true` or `false`.
    Flag,
    /// Texts with `;` between them.
    Texts,
}

impl Import {
    /// Reads CSV (RFC 4180) of one kind. The first line names the columns: `id` and fields of the kind that are texts,
    /// numbers, flags or lists of texts (`;` between them). An empty cell leaves its field out.
    ///
    /// # Errors
    /// Every [`LineMistake`], the first [`MAX_MISTAKES`] of them.
    pub fn csv(kind: Kind, octets: &[u8]) -> Result<Self, Vec<LineMistake>> {
        let octets = octets.strip_prefix("\u{feff}".as_bytes()).unwrap_or(octets);
        let mut reader = csv::ReaderBuilder::new().from_reader(octets);
        let columns = columns(kind, &mut reader).map_err(|mistake| vec![mistake.at(1)])?;
        let (mut import, mut mistakes) = (Self::default(), Vec::new());
        for record in reader.records() {
            let added = match record {
                Ok(record) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    change(kind, &columns, &record)
                        .map_err(|mistake| mistake.at(line))
                        .and_then(|change| import.add(line, change))
                }
                Err(error) => Err(unreadable(&error)),
            };
            if let Err(mistake) = added {
                mistakes.push(mistake);
                if mistakes.len() == MAX_MISTAKES {
                    break;
                }
            }
        }
        if mistakes.is_empty() { Ok(import) } else { Err(mistakes) }
    }
}

fn columns(kind: Kind, reader: &mut csv::Reader<&[u8]>) -> Result<Vec<(String, Column)>, LineMistake> {
    let header = reader.headers().map_err(|error| unreadable(&error))?;
    let of = |name: &str, problem: &str| LineMistake {
        kind: Some(kind),
        field: name.chars().take(MAX_COLUMNS).collect(),
        ..LineMistake::whole(problem)
    };
    if header.len() > MAX_COLUMNS {
        return Err(of("", "more than 64 columns"));
    }
    let schema = kind.schema();
    let mut columns: Vec<(String, Column)> = Vec::new();
    for name in header {
        if columns.iter().any(|(known, _)| known == name) {
            return Err(of(name, "the column is there twice"));
        }
        let column = match (name, schema.get("properties").and_then(|fields| fields.get(name))) {
            ("id", _) => Column::Id,
            (_, None) => return Err(of(name, "there is no such field")),
            (_, Some(field)) => {
                plain(&schema, field).ok_or_else(|| of(name, "the field is not plain: use JSON lines"))?
            }
        };
        columns.push((name.to_owned(), column));
    }
    if columns.iter().any(|(_, column)| *column == Column::Id) {
        Ok(columns)
    } else {
        Err(of("id", "there is no such column"))
    }
}

/// What a field's schema allows in a cell; `None` if it is not plain.
fn plain(schema: &Value, field: &Value) -> Option<Column> {
    let field = resolved(schema, field);
    if let Some(ways) = ["anyOf", "oneOf"].iter().find_map(|key| field.get(key)?.as_array()) {
        let mut columns = ways.iter().filter(|way| !is_null(way)).map(|way| plain(schema, way));
        let first = columns.next()??;
        return columns.all(|column| column == Some(first)).then_some(first);
    }
    if field.get("enum").or_else(|| field.get("const")).is_some() {
        return Some(Column::Text);
    }
    let kinds = match field.get("type")? {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect()
        }
        _ => return None,
    };
    match kinds[..] {
        ["string"] => Some(Column::Text),
        ["integer" | "number"] => Some(Column::Number),
        ["boolean"] => Some(Column::Flag),
        ["array"] if plain(schema, field.get("items")?) == Some(Column::Text) => Some(Column::Texts),
        _ => None,
    }
}

fn is_null(way: &Value) -> bool {
    way.get("type").and_then(Value::as_str) == Some("null")
}

/// What a schema refers to, once; types of ours refer to nothing that refers on to a plain one.
fn resolved<'a>(schema: &'a Value, field: &'a Value) -> &'a Value {
    let reference = field.get("$ref").and_then(Value::as_str);
    let name = reference.and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.and_then(|name| schema.get("$defs")?.get(name)).unwrap_or(field)
}

fn change(
    kind: Kind,
    columns: &[(String, Column)],
    record: &csv::StringRecord,
) -> Result<Change, LineMistake> {
    let mut members = Map::new();
    let mut id = None;
    for ((name, column), cell) in columns.iter().zip(record) {
        if *column == Column::Id {
            let wrong = |error: veilgate_names::NameError| LineMistake {
                kind: Some(kind),
                field: "id".to_owned(),
                ..LineMistake::whole(error.to_string())
            };
            id = Some(ObjectId::parse(cell).map_err(wrong)?);
        } else if !cell.is_empty() {
            members.insert(name.clone(), value(*column, cell));
        }
    }
    let id = id.ok_or_else(|| LineMistake::whole("no id"))?;
    let json = serde_json::to_vec(&Value::Object(members)).unwrap_or_default();
    let object = Object::parse(kind, &id, &json)?;
    Ok(Change { kind, id, object: Some(object), expected: Expected::Anything })
}

/// A cell as JSON. One that is not what its column asks for stays a text, which the object then refuses.
fn value(column: Column, cell: &str) -> Value {
    match column {
        Column::Id | Column::Text => cell.into(),
        Column::Texts => cell.split(';').map(str::trim).filter(|text| !text.is_empty()).collect(),
        Column::Number | Column::Flag => {
            let read: Option<Value> = serde_json::from_str(cell.trim()).ok();
            read.filter(|value| value.is_number() || value.is_boolean()).unwrap_or_else(|| cell.into())
        }
    }
}

fn unreadable(error: &csv::Error) -> LineMistake {
    let line = error.position().map_or(0, csv::Position::line);
    let problem = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not UTF-8",
        csv::ErrorKind::UnequalLengths { .. } => "more or fewer cells than columns",
        _ => "not CSV",
    };
    LineMistake::whole(problem).at(line)
}
