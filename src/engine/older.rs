//! What has left a table's memory: looked up in segments, held for as long as somebody may look at it.

use std::cell::OnceCell;
use std::fmt::Display;
use std::io;

use elsa::FrozenMap;

use super::copy::{CopyError, Files};
use super::segments::{ENTRY, ORDER, Pair, Segment, Segments};
use super::table::Codec;

pub(super) struct Older<V> {
    pub segments: Segments,
    /// What has been read lately, by name: it can be looked at while more is read.
    read: FrozenMap<Vec<u8>, Box<V>>,
    /// Why the segments cannot be believed: nothing that was read since may be committed.
    damage: OnceCell<String>,
}

impl<V> Default for Older<V> {
    fn default() -> Self {
        Older { segments: Segments::default(), read: FrozenMap::default(), damage: OnceCell::new() }
    }
}

impl<V> Older<V> {
    pub fn may_have<K>(&self, codec: &dyn Codec<K, V>, key: &K) -> bool {
        !self.segments.is_empty() && self.segments.may_have(&name(codec, key))
    }

    pub fn get<K>(&self, codec: &dyn Codec<K, V>, key: &K) -> Option<&V> {
        let name = name(codec, key);
        if !self.segments.may_have(&name) {
            return None;
        }
        if let Some(value) = self.read.get(&name) {
            return Some(value);
        }
        let value = self.find(codec, &name)?;
        Some(self.read.insert(name, Box::new(value)))
    }

    /// The same for an entry that is about to be in memory again.
    pub fn take<K>(&mut self, codec: &dyn Codec<K, V>, key: &K) -> Option<V> {
        let name = name(codec, key);
        if !self.segments.may_have(&name) {
            return None;
        }
        let read = self.read.as_mut().remove(&name);
        read.map(|value| *value).or_else(|| self.find(codec, &name))
    }

    /// The keys of entries whose order began so when they left, latest first, each with that order.
    pub fn latest_first<'a, K>(
        &'a self,
        codec: &'a dyn Codec<K, V>,
        prefix: &[u8],
    ) -> impl Iterator<Item = (K, Vec<u8>)> + use<'a, K, V> {
        let prefix = [&[ORDER], prefix].concat();
        self.segments.backward(&prefix).map_while(move |pair| {
            let (order, key) = self.believed(pair)?;
            let key = self.believed(codec.read_key(&key.unwrap_or_default()))?;
            Some((key, order[1..].to_vec()))
        })
    }

    /// Every entry, by key.
    pub fn iter<'a, K>(&'a self, codec: &'a dyn Codec<K, V>) -> impl Iterator<Item = (K, V)> {
        let pairs = self.segments.iter().map_while(|pair| self.believed(pair));
        let entries = pairs.take_while(|(name, _)| name.first() == Some(&ENTRY));
        entries
            .filter_map(|(name, value)| Some((name, value?)))
            .map_while(move |(name, value)| self.believed(codec.read(&name[1..], &value)))
    }

    /// Writes entries to a new segment, with their orders.
    pub fn write<'a, K: 'a>(
        &mut self,
        codec: &dyn Codec<K, V>,
        entries: impl ExactSizeIterator<Item = (&'a K, Option<&'a V>)>,
        files: &Files<'_>,
    ) -> Result<(), CopyError>
    where
        V: 'a,
    {
        let (keys, mut pairs) = (entries.len() as u64, Vec::<Pair>::new());
        for (key, value) in entries {
            pairs.push((name(codec, key), value.map(|value| encoded(codec, key, value)).transpose()?));
            let mut order = vec![ORDER];
            value.into_iter().for_each(|value| codec.order(key, value, &mut order));
            if order.len() > 1 {
                let mut written = Vec::new();
                codec.write_key(key, &mut written);
                pairs.push((order, Some(written)));
            }
        }
        pairs.sort_unstable();
        let segment = Segment::write(files, keys, &mut pairs.into_iter().map(io::Result::Ok))?;
        segment.into_iter().for_each(|segment| self.segments.push(segment));
        Ok(())
    }

    /// Makes few segments of many.
    pub fn merge(&mut self, files: &Files<'_>) -> Result<(), CopyError> {
        let merged = self.segments.merge(files);
        if let Err(CopyError::Io(error)) = &merged
            && matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        {
            self.believed::<()>(Err(error));
        }
        merged
    }

    /// How many entries are held only because they have been read.
    pub fn held(&self) -> usize {
        self.read.len()
    }

    pub fn let_go(&mut self) {
        self.read = FrozenMap::default();
    }

    pub fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    fn find<K>(&self, codec: &dyn Codec<K, V>, name: &[u8]) -> Option<V> {
        let value = self.believed(self.segments.get(name))???;
        self.believed(codec.read(&name[1..], &value)).map(|(_, value)| value)
    }

    fn believed<T>(&self, read: Result<T, impl Display>) -> Option<T> {
        read.map_err(|error| self.damage.get_or_init(|| error.to_string())).ok()
    }
}

fn name<K, V>(codec: &dyn Codec<K, V>, key: &K) -> Vec<u8> {
    let mut name = vec![ENTRY];
    codec.write_key(key, &mut name);
    name
}

fn encoded<K, V>(codec: &dyn Codec<K, V>, key: &K, value: &V) -> Result<Vec<u8>, CopyError> {
    let mut bytes = Vec::new();
    codec.write_value(key, value, super::stage::Cause::NONE, &mut bytes).map_err(CopyError::Corrupt)?;
    Ok(bytes)
}
