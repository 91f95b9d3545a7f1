//! An answer as bytes with a version and a checksum over key and content: damaged bytes, another key's and another version's are none.

use xxhash_rust::xxh3::Xxh3;

use super::answer::Answer;

/// Goes up with every change of the form.
const VERSION: u8 = 1;
const NOT_THERE: u8 = 0;
const THERE: u8 = 1;
/// Version, kind, checksum.
const HEADER_BYTES: usize = 10;

/// The bytes to keep under a key.
pub fn seal(key: &str, answer: &Answer) -> Vec<u8> {
    let kind = if answer.bytes().is_some() { THERE } else { NOT_THERE };
    let content = answer.bytes().unwrap_or_default();
    let mut sealed = Vec::with_capacity(HEADER_BYTES + content.len());
    sealed.extend_from_slice(&[VERSION, kind]);
    sealed.extend_from_slice(&checksum(key, kind, content).to_be_bytes());
    sealed.extend_from_slice(content);
    sealed
}

/// The answer, if these bytes are one of this version, undamaged, and of this key.
pub fn unseal(key: &str, sealed: &[u8]) -> Option<Answer> {
    let (header, content) = sealed.split_at_checked(HEADER_BYTES)?;
    let (&[version, kind], sum) = header.split_first_chunk()?;
    if version != VERSION || sum != checksum(key, kind, content).to_be_bytes() {
        return None;
    }
    match kind {
        THERE => Some(Answer::There(content.into())),
        NOT_THERE if content.is_empty() => Some(Answer::NotThere),
        _ => None,
    }
}

fn checksum(key: &str, kind: u8, content: &[u8]) -> u64 {
    let mut sum = Xxh3::new();
    sum.update(&(key.len() as u64).to_be_bytes());
    sum.update(key.as_bytes());
    sum.update(&[VERSION, kind]);
    sum.update(content);
    sum.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_answer_comes_out_as_it_went_in() {
        for answer in [Answer::NotThere, Answer::There([].into()), Answer::There(b"content"[..].into())] {
            assert_eq!(unseal("key", &seal("key", &answer)), Some(answer));
        }
    }

    #[test]
    fn no_flipped_bit_no_shorter_form_and_no_other_key_is_taken() {
        let sealed = seal("key", &Answer::There(b"1.25"[..].into()));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal("key", &damaged), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(unseal("key", &sealed[..length]), None, "{length} bytes");
        }
        assert_eq!(unseal("kez", &sealed), None);
        assert_eq!(unseal("key1", &seal("key", &Answer::There(b"1.25"[..].into()))), None);
    }
}
