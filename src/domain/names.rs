//! A newtype for each kind of name in a calculation request, checked when it is made.

/// Declares a name: its type, what the request calls it, and its longest length in characters.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $length_max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(compact_str::CompactString);

        impl $name {
            pub fn new(text: &str) -> Result<$name, $crate::domain::key::InvalidName> {
                $crate::domain::key::check($field, text, $length_max)?;
                Ok($name(text.into()))
            }

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

pub(super) use name;
