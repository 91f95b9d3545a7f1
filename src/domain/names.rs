//! Names of what contracts and the market speak of; each is checked when it is made.

use super::key::{ID_LENGTH_MAX, PART_LENGTH_MAX};

/// Declares a name: its type, what the request calls it, and its longest length in characters.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $length_max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(compact_str::CompactString);

        impl $name {
            /// A name that is neither empty nor too long and holds no control character.
            pub fn new(text: &str) -> Result<$name, $crate::domain::key::InvalidName> {
                $crate::domain::key::check($field, text, $length_max)?;
                Ok($name(text.into()))
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(in crate::domain) use name;

name! {
    /// Id of a position of a contract; unique inside the contract.
    PositionId, "positionId", ID_LENGTH_MAX
}
name! {
    /// Id of a lot of a position; unique inside the position.
    LotId, "lotId", ID_LENGTH_MAX
}
name! {
    /// Name under which the prices and dividends of an instrument are found.
    Symbol, "symbol", PART_LENGTH_MAX
}
name! {
    /// Name under which the rates of an index are found.
    IndexName, "index", PART_LENGTH_MAX
}
