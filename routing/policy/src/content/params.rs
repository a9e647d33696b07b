//! What a sender put into a template: a JSON object from the names of placeholders to texts or whole numbers. Names that the
//! template does not have are passed over.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::body::{Body, MAX_VARIABLES};

/// The longest JSON read, in octets.
const MAX: usize = 8192;

/// The values of a body's placeholders, in their order.
#[derive(Debug)]
pub(super) struct Values<'p>(Vec<Option<Cow<'p, str>>>);

impl<'p> Values<'p> {
    /// Reads the JSON; without any there are no values. `None` for what is not of the form, for a name that stands there
    /// twice, and for numbers with fractions, whose spelling is not certain.
    pub(super) fn read(body: &Body, json: Option<&'p str>) -> Option<Self> {
        let Some(json) = json.filter(|json| !json.is_empty()) else { return Some(Self(Vec::new())) };
        if json.len() > MAX {
            return None;
        }
        let mut from = serde_json::Deserializer::from_str(json);
        let values = Filler(body).deserialize(&mut from).ok()?;
        from.end().ok()?;
        Some(values)
    }

    /// The value of the placeholder at a place.
    pub(super) fn find(&self, at: usize) -> Option<&str> {
        self.0.get(at)?.as_deref()
    }
}

struct Filler<'b>(&'b Body);

impl<'de> DeserializeSeed<'de> for Filler<'_> {
    type Value = Values<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Filler<'_> {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::with_capacity(MAX_VARIABLES);
        values.resize(self.0.placeholders().count(), None);
        while let Some(name) = map.next_key_seed(Scalar)? {
            let at = self.0.placeholders().position(|placeholder| *placeholder.name == *name);
            let Some(slot) = at.and_then(|at| values.get_mut(at)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if slot.is_some() {
                return Err(A::Error::custom("twice"));
            }
            *slot = Some(map.next_value_seed(Scalar)?);
        }
        Ok(Values(values))
    }
}

/// A text or a whole number.
struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }
}
