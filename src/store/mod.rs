//! The StateStore port on the local disk: a task's copy is one file, whole or not there, beside the segments that it names.
//! In reading order:

mod form; // the file's form: header, entries, checksum

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use self::form::{Header, Verified, Writer};
use crate::engine::copy::{CopyError, CopyIdentity, CopyStamp, Entry, GiveEntries, StateFile, StateStore, WriteFile};

const NAME: &str = "copy";
/// A copy that is being written; never read, and overwritten by the next one.
const UNFINISHED: &str = "copy.unfinished";
/// What the name of a segment's file has before its number.
const SEGMENT: &str = "segment-";

/// Copies under `folder/<stage>/<partition>/`. One worker process per folder.
pub struct DiskStore {
    folder: PathBuf,
}

impl DiskStore {
    /// Makes the folder; fails now rather than at the first copy when it cannot be written.
    pub fn open(folder: &Path) -> io::Result<DiskStore> {
        fs::create_dir_all(folder)?;
        let probe = folder.join(UNFINISHED);
        File::create(&probe)?.sync_all()?;
        fs::remove_file(probe)?;
        Ok(DiskStore { folder: folder.into() })
    }

    fn task(&self, identity: &CopyIdentity) -> PathBuf {
        self.folder.join(identity.stage).join(identity.partition.to_string())
    }

    fn segment(&self, identity: &CopyIdentity, number: u64) -> PathBuf {
        self.task(identity).join(format!("{SEGMENT}{number}"))
    }

    fn segments(&self, identity: &CopyIdentity) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for file in fs::read_dir(self.task(identity))? {
            let name = file?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_prefix(SEGMENT)?.parse::<u64>().ok()));
        }
        Ok(numbers)
    }
}

impl StateFile for File {
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, at)
    }
}

impl StateStore for DiskStore {
    fn save(&self, identity: &CopyIdentity, stamp: &CopyStamp, give: GiveEntries<'_>) -> Result<(), CopyError> {
        let folder = self.task(identity);
        fs::create_dir_all(&folder)?;
        let unfinished = folder.join(UNFINISHED);
        let mut writer = Writer::start(File::create(&unfinished)?, &Header::of(identity, stamp))?;
        give(&mut |entry| writer.entry(entry)).map_err(CopyError::Corrupt)?;
        writer.finish()?.sync_all()?;
        fs::rename(&unfinished, folder.join(NAME))?;
        // Without this the rename itself may be forgotten in a power failure.
        File::open(&folder)?.sync_all()?;
        let named = |number: &u64| stamp.segments.iter().any(|(_, segment)| segment.number == *number);
        for number in self.segments(identity)?.into_iter().filter(|number| !named(number)) {
            fs::remove_file(self.segment(identity, number))?;
        }
        Ok(())
    }

    fn load(
        &self,
        identity: &CopyIdentity,
        accept: &dyn Fn(&CopyStamp) -> bool,
        read: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<Option<CopyStamp>, CopyError> {
        let file = match File::open(self.task(identity).join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut copy = Verified::open(file)?;
        let stamp = copy.header()?.stamp(identity)?;
        if !accept(&stamp) {
            return Ok(None);
        }
        copy.entries(read)?;
        Ok(Some(stamp))
    }

    fn write_segment(
        &self,
        identity: &CopyIdentity,
        write: WriteFile<'_>,
    ) -> Result<(u64, Box<dyn StateFile>), CopyError> {
        fs::create_dir_all(self.task(identity))?;
        let number = self.segments(identity)?.into_iter().max().map_or(0, |last| last + 1);
        let path = self.segment(identity, number);
        let mut out = BufWriter::with_capacity(1 << 18, File::create_new(&path)?);
        let written = write(&mut out).and_then(|()| out.into_inner()?.sync_all());
        if let Err(error) = written {
            // What is left of it would take the place that the disk may not have.
            let _ = fs::remove_file(&path);
            return Err(error.into());
        }
        Ok((number, self.open_segment(identity, number)?))
    }

    fn open_segment(&self, identity: &CopyIdentity, number: u64) -> Result<Box<dyn StateFile>, CopyError> {
        Ok(Box::new(File::open(self.segment(identity, number))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries = Vec<(usize, Vec<u8>, Option<Vec<u8>>)>;

    fn identity() -> CopyIdentity {
        CopyIdentity {
            cluster_id: "cluster".into(),
            stage: "book",
            partition: 3,
            state_version: 1,
            topics: vec![("lots".into(), "id-of-lots".into())],
        }
    }

    fn stamp() -> CopyStamp {
        CopyStamp { turn: 7, ends: [("lots".to_string(), 42)].into(), saved_at_us: 1_000, segments: Vec::new() }
    }

    fn save(store: &DiskStore, entries: &Entries) {
        let mut give = |sink: &mut dyn FnMut(Entry<'_>)| {
            entries.iter().for_each(|(table, key, value)| sink((*table, key, value.as_deref())));
            Ok(())
        };
        store.save(&identity(), &stamp(), &mut give).expect("a copy can be written");
    }

    fn load(store: &DiskStore, identity: &CopyIdentity) -> Result<Option<(CopyStamp, Entries)>, CopyError> {
        let mut entries = Vec::new();
        let mut read = |(table, key, value): Entry<'_>| {
            entries.push((table, key.to_vec(), value.map(<[u8]>::to_vec)));
            Ok(())
        };
        let stamp = store.load(identity, &|_| true, &mut read);
        if stamp.is_err() {
            assert!(entries.is_empty(), "nothing may be handed out of a copy that is not whole");
        }
        Ok(stamp?.map(|stamp| (stamp, entries)))
    }

    fn saved() -> (tempfile::TempDir, DiskStore, Entries, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = DiskStore::open(folder.path()).expect("the folder can be written");
        let entries = vec![
            (0, b"A_B_C".to_vec(), Some(b"one".to_vec())),
            (1, Vec::new(), Some(vec![0; 100_000])),
            (1, b"gone".to_vec(), None),
        ];
        save(&store, &entries);
        let path = folder.path().join("book/3").join(NAME);
        (folder, store, entries, path)
    }

    #[test]
    fn a_copy_comes_back_as_it_was_saved() {
        let (_folder, store, entries, _) = saved();
        assert_eq!(load(&store, &identity()).expect("is whole"), Some((stamp(), entries)));
        let none = CopyIdentity { partition: 4, ..identity() };
        assert_eq!(load(&store, &none).expect("there is none"), None);
        assert!(store.load(&identity(), &|_| false, &mut |_| unreachable!()).expect("is whole").is_none());
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let (_folder, store, _, path) = saved();
        let whole = fs::read(&path).expect("is there");
        let places = (0..whole.len()).step_by(997).chain([0, 7, 8, 12, whole.len() - 9, whole.len() - 1]);
        for place in places {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            fs::write(&path, damaged).expect("can be written");
            assert!(matches!(load(&store, &identity()), Err(CopyError::Corrupt(_))), "byte {place}");
        }
    }

    #[test]
    fn a_copy_that_was_cut_off_is_refused_and_so_is_one_that_grew() {
        let (_folder, store, _, path) = saved();
        let whole = fs::read(&path).expect("is there");
        for length in [0, 1, 8, 15, 16, 40, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
            fs::write(&path, &whole[..length]).expect("can be written");
            assert!(matches!(load(&store, &identity()), Err(CopyError::Corrupt(_))), "{length} bytes");
        }
        fs::write(&path, [&whole[..], &[0]].concat()).expect("can be written");
        assert!(matches!(load(&store, &identity()), Err(CopyError::Corrupt(_))));
    }

    #[test]
    fn a_copy_that_names_more_entries_than_it_has_is_refused() {
        let (_folder, store, _, path) = saved();
        let mut bytes = fs::read(&path).expect("is there");
        let end = bytes.len() - 8;
        bytes[end - 8] += 1;
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.to_le_bytes());
        fs::write(&path, bytes).expect("can be written");
        let refused = store.load(&identity(), &|_| true, &mut |_| Ok(())).expect_err("one is missing");
        assert_eq!(refused.to_string(), CopyError::Corrupt("3 entries of 4".into()).to_string());
    }

    #[test]
    fn a_copy_of_another_cluster_topic_or_meaning_is_refused() {
        let (_folder, store, _, _) = saved();
        let others = [
            CopyIdentity { cluster_id: "other".into(), ..identity() },
            CopyIdentity { state_version: 2, ..identity() },
            CopyIdentity { topics: vec![("lots".into(), "created again".into())], ..identity() },
        ];
        for other in others {
            assert!(matches!(load(&store, &other), Err(CopyError::Corrupt(_))), "{other:?}");
        }
    }

    #[test]
    fn what_was_left_unfinished_is_never_read() {
        let (folder, store, entries, path) = saved();
        fs::write(path.with_file_name(UNFINISHED), b"half").expect("can be written");
        assert_eq!(load(&store, &identity()).expect("is whole"), Some((stamp(), entries)));
        let mut give = |sink: &mut dyn FnMut(Entry<'_>)| {
            sink((0, b"new", Some(b"entry")));
            Err("cannot be encoded".to_string())
        };
        assert!(store.save(&identity(), &stamp(), &mut give).is_err());
        let (_, entries) = load(&store, &identity()).expect("is whole").expect("the old copy stays");
        assert_eq!(entries.len(), 3);
        save(&store, &vec![(0, b"k".to_vec(), Some(b"v".to_vec()))]);
        let (_, entries) = load(&store, &identity()).expect("is whole").expect("is there");
        assert_eq!(entries.len(), 1);
        drop(folder);
    }
}
