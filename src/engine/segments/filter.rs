//! A Bloom filter: ten bits for each name, and of a hundred names that it was not given it allows one.

pub struct Filter(Vec<u64>);

const BITS_A_NAME: u64 = 10;
const PROBES: u64 = 7;

impl Filter {
    /// For so many names.
    pub fn of(names: u64) -> Filter {
        let words = (names * BITS_A_NAME).div_ceil(64).max(1);
        Filter(vec![0; words as usize])
    }

    pub fn add(&mut self, hash: u64) {
        for (word, bit) in self.places(hash) {
            self.0[word] |= bit;
        }
    }

    pub fn may_have(&self, hash: u64) -> bool {
        self.places(hash).all(|(word, bit)| self.0[word] & bit != 0)
    }

    fn places(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = self.0.len() as u128 * 64;
        let step = hash.rotate_left(32) | 1;
        (0..PROBES).map(move |probe| {
            let place = ((u128::from(hash.wrapping_add(step.wrapping_mul(probe))) * bits) >> 64) as u64;
            ((place / 64) as usize, 1 << (place % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    #[test]
    fn it_denies_nothing_that_it_was_given_and_most_of_the_rest() {
        let hash = |name: u32| xxh3_64(&name.to_le_bytes());
        let mut filter = Filter::of(10_000);
        (0..10_000).for_each(|name| filter.add(hash(name)));
        assert!((0..10_000).all(|name| filter.may_have(hash(name))));
        let allowed = (10_000..110_000).filter(|&name| filter.may_have(hash(name))).count();
        assert!((1..1_500).contains(&allowed), "{allowed} of 100,000");
    }
}
