//! Sets of services and of categories, as objects name them: lists of names in JSON, an octet in memory.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use veilgate_names::{Category, Service};

macro_rules! set {
    ($(#[$doc:meta])* $name:ident of $member:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(u8);

        impl $name {
            /// All there are.
            pub const ALL: Self = Self(u8::MAX);

            /// These.
            #[must_use]
            pub fn of(members: &[$member]) -> Self {
                Self(members.iter().fold(0, |bits, member| bits | 1 << (*member as u8)))
            }

            /// Whether one is among them.
            #[must_use]
            pub const fn contains(self, member: $member) -> bool {
                self.0 & 1 << (member as u8) != 0
            }

            /// Those that are in both.
            #[must_use]
            pub const fn and(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// Each that is among them, in order.
            pub fn iter(self) -> impl Iterator<Item = $member> {
                $member::ALL.into_iter().filter(move |member| self.contains(*member))
            }
        }

        impl Default for $name {
            /// All there are.
            fn default() -> Self {
                Self::ALL
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let names = $member::ALL.map($member::name);
                schemars::json_schema!({
                    "type": "array", "items": { "type": "string", "enum": names }, "uniqueItems": true, "minItems": 1
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(self.iter().map($member::name))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let mut set = Self(0);
                for name in Vec::<String>::deserialize(from)? {
                    let member = $member::named(&name).ok_or_else(|| D::Error::custom("not a name this list knows"))?;
                    if set.contains(member) {
                        return Err(D::Error::custom(format!("{member} stands there twice", member = member.name())));
                    }
                    set.0 |= 1 << (member as u8);
                }
                // Nothing at all is said by a state; an empty list is a slip.
                if set.0 == 0 { Err(D::Error::custom("empty; leave it out for all")) } else { Ok(set.filled()) }
            }
        }

        impl $name {
            /// The same set, as [`Self::ALL`] if it holds every member.
            fn filled(self) -> Self {
                if $member::ALL.into_iter().all(|member| self.contains(member)) { Self::ALL } else { self }
            }
        }
    };
}

set! {
    /// Some of the services.
    Services of Service
}
set! {
    /// Some of the categories.
    Categories of Category
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_go_there_and_back() {
        let some: Categories = serde_json::from_str(r#"["marketing","notice"]"#).unwrap();
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["notice","marketing"]"#);
        assert!(some.contains(Category::Notice) && !some.contains(Category::Verification));
        let all: Services = serde_json::from_str(r#"["sms","voice"]"#).unwrap();
        assert_eq!((all, all.iter().count()), (Services::ALL, 2));
        assert_eq!(
            Categories::of(&[Category::Notice]).and(some).iter().collect::<Vec<_>>(),
            [Category::Notice]
        );
    }

    #[test]
    fn unknown_and_double_names_and_empty_lists_are_refused() {
        for json in ["[]", r#"["fax"]"#, r#"["sms","sms"]"#, "\"sms\"", "[1]", "null"] {
            assert!(serde_json::from_str::<Services>(json).is_err(), "{json}");
        }
    }
}
