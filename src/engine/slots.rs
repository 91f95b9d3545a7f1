//! Slots: entries by number. A key is looked for once; from then on its number finds the entry without hashing.
//!
//! Growing moves numbers of eight bytes and never an entry, and asks for memory in equal pieces: a map that doubles with its
//! entries inside has the system clear twice the memory that it needs, while a turn waits.

use std::hash::{BuildHasher, Hash};
use std::ops::{Index, IndexMut};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, Equivalent, HashTable};

pub(super) type Number = u32;

pub(super) struct Slots<K, S> {
    hasher: DefaultHashBuilder,
    numbers: HashTable<Known>,
    pieces: Vec<Vec<(K, S)>>,
    /// Numbers whose entries are gone, for the next ones.
    free: Vec<Number>,
}

/// The hash stands with the number, so that neither growing nor passing over a neighbour looks at an entry.
#[derive(Clone, Copy)]
struct Known {
    hash: u32,
    number: Number,
}

/// Entries of a piece, a power of two: some hundred kilobytes with the entries that we have.
const PIECE: usize = 512;

impl<K, S> Default for Slots<K, S> {
    fn default() -> Self {
        Slots { hasher: DefaultHashBuilder::default(), numbers: HashTable::new(), pieces: Vec::new(), free: Vec::new() }
    }
}

impl<K: Hash + Eq, S: Default> Slots<K, S> {
    /// `key` may be a borrowed form that hashes as the key does.
    pub fn find<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Number> {
        let hash = self.hash(key);
        let known =
            self.numbers.find(spread(hash), |known| known.hash == hash && key.equivalent(self.key(known.number)));
        known.map(|known| known.number)
    }

    /// The entry of this key; an empty one where there was none.
    pub fn find_or_add(&mut self, key: K) -> Number {
        let hash = self.hash(&key);
        let Slots { numbers, pieces, free, .. } = self;
        let same = |known: &Known| known.hash == hash && at(pieces, known.number).0 == key;
        match numbers.entry(spread(hash), same, |known| spread(known.hash)) {
            Entry::Occupied(known) => known.get().number,
            Entry::Vacant(vacant) => {
                let number = place(pieces, free, key);
                vacant.insert(Known { hash, number });
                number
            }
        }
    }

    /// Empties the entry, which its key finds no more; the key itself stays until the number is another one's.
    pub fn remove(&mut self, number: Number) {
        let hash = self.hash(self.key(number));
        if let Ok(known) = self.numbers.find_entry(spread(hash), |known| known.number == number) {
            known.remove();
            self[number] = S::default();
            self.free.push(number);
        }
    }

    pub fn key(&self, number: Number) -> &K {
        &at(&self.pieces, number).0
    }

    /// Every entry, those that are gone too: they are empty.
    pub fn iter(&self) -> impl Iterator<Item = (Number, &K, &S)> {
        let entries = self.pieces.iter().flatten();
        (0..).zip(entries).map(|(number, (key, slot))| (number, key, slot))
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        // Half of it is enough to tell neighbours apart, and costs half of the memory.
        self.hasher.hash_one(key) as u32
    }
}

impl<K, S> Index<Number> for Slots<K, S> {
    type Output = S;

    fn index(&self, number: Number) -> &S {
        &at(&self.pieces, number).1
    }
}

impl<K, S> IndexMut<Number> for Slots<K, S> {
    fn index_mut(&mut self, number: Number) -> &mut S {
        let number = number as usize;
        &mut self.pieces[number / PIECE][number % PIECE].1
    }
}

fn at<K, S>(pieces: &[Vec<(K, S)>], number: Number) -> &(K, S) {
    let number = number as usize;
    &pieces[number / PIECE][number % PIECE]
}

fn place<K, S: Default>(pieces: &mut Vec<Vec<(K, S)>>, free: &mut Vec<Number>, key: K) -> Number {
    if let Some(number) = free.pop() {
        pieces[number as usize / PIECE][number as usize % PIECE].0 = key;
        return number;
    }
    if pieces.last().is_none_or(|piece| piece.len() == PIECE) {
        pieces.push(Vec::with_capacity(PIECE));
    }
    let before = (pieces.len() - 1) * PIECE;
    let piece = pieces.last_mut().expect("one with room has just been seen to");
    piece.push((key, S::default()));
    u32::try_from(before + piece.len() - 1).expect("a task has fewer than 2^32 entries")
}

/// The map takes its place from the low bits and its tag from the high ones: both must depend on all that is known.
fn spread(hash: u32) -> u64 {
    // 2^64 divided by the golden ratio, odd.
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
