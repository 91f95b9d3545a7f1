//! W3C trace context: what of it goes along with whatever is sent for a record or a command.

use super::broker::Header;

/// Its headers, with the length that each may have.
const HEADERS: [(&str, usize); 2] = [("traceparent", 55), ("tracestate", 512)];

/// The trace context that is given by name: one that is not valid is none, and its state says nothing without it.
pub fn trace<V: AsRef<[u8]>>(given: impl Fn(&str) -> Option<V>) -> impl Iterator<Item = Header> {
    let printable = |value: &[u8]| value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let [parent, state] = HEADERS.map(|(name, bytes_max)| {
        let value = given(name)?;
        let value = Some(value.as_ref()).filter(|value| value.len() <= bytes_max && printable(value))?;
        Some(Header { name: name.to_owned(), value: value.to_vec() })
    });
    let parent = parent.filter(|parent| is_parent(&parent.value));
    let state = state.filter(|_| parent.is_some());
    parent.into_iter().chain(state)
}

/// Version, trace, span and flags: 2, 32, 16 and 2 hexadecimal digits in lower case; a trace or span of zeros and version ff are invalid.
fn is_parent(value: &[u8]) -> bool {
    let fields: Vec<_> = value.split(|byte| *byte == b'-').collect();
    let lengths: Vec<_> = fields.iter().map(|field| field.len()).collect();
    let hexadecimal = |field: &&[u8]| field.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |field: &[u8]| field.iter().all(|byte| *byte == b'0');
    lengths == [2, 32, 16, 2]
        && fields.iter().all(hexadecimal)
        && fields[0] != b"ff"
        && !zero(fields[1])
        && !zero(fields[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_not_valid_is_none() {
        const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let taken =
            |parent: &str, state: &str| trace(|name| Some(if name == "traceparent" { parent } else { state })).count();
        assert_eq!(taken(PARENT, "vendor=1"), 2);
        assert_eq!(taken(PARENT, &"x".repeat(513)), 1);
        assert_eq!(taken(PARENT, "line\nfeed"), 1);
        let none = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for parent in ["", "garbage", none, &PARENT.to_uppercase(), &PARENT.replace("00-", "ff-"), &"0".repeat(100_000)]
        {
            assert_eq!(taken(parent, "vendor=1"), 0, "{parent}");
        }
    }
}
