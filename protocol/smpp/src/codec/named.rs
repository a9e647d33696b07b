//! Number spaces with named points: command ids, statuses and TLV tags.

/// Defines constants of a newtype over an integer, `name()`, and a `Debug` that shows number and name.
macro_rules! named {
    ($type:ident, $width:literal, { $($name:ident = $value:literal, $meaning:literal;)* }) => {
        impl $type {
            $(
                #[doc = $meaning]
                pub const $name: Self = Self($value);
            )*

            /// The name in this crate, if the number has one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($type), "({:#0", $width, "x} {})"), self.0, self.name().unwrap_or("?"))
            }
        }
    };
}

pub(crate) use named;
