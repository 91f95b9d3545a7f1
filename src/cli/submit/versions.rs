//! Which version a value gets: the same value is not sent twice, and another one is a correction.

use std::fmt::Debug;

use crate::messages::wire::NUMBER_MAX;

/// The versions of one value that are known, whether from the topic or from this file.
#[derive(Debug)]
pub struct Versions<V> {
    known: Vec<(u32, V)>,
    /// The last one came from this file.
    listed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    New(u32),
    Corrected(u32),
    Unchanged,
}

impl<V> Default for Versions<V> {
    fn default() -> Self {
        Versions { known: Vec::new(), listed: false }
    }
}

impl<V: PartialEq + Clone> Versions<V> {
    /// A record of the topic; of one version the last counts.
    pub fn know(&mut self, version: u32, value: V) {
        match self.known.binary_search_by_key(&version, |(known, _)| *known) {
            Ok(place) => self.known[place].1 = value,
            Err(place) => self.known.insert(place, (version, value)),
        }
    }

    /// Judges a value of the file, with the version that it states or without, and knows it from then on.
    pub fn judge(&mut self, stated: Option<u32>, value: &V) -> Result<Verdict, String> {
        if let Some(stated) = stated.filter(|stated| *stated > NUMBER_MAX) {
            return Err(format!("version {stated} is too high; allowed: up to {NUMBER_MAX}"));
        }
        let Some((latest, current)) = self.known.last() else {
            let version = stated.unwrap_or(1);
            return Ok(self.sent(Verdict::New(version), version, value));
        };
        let version = match stated {
            Some(stated) if stated <= *latest => {
                return match self.known.iter().find(|(known, _)| *known == stated) {
                    Some((_, same)) if same == value => Ok(Verdict::Unchanged),
                    Some(_) => Err(format!(
                        "version {stated} is known with another value; a correction has a version above {latest}"
                    )),
                    None => Err(format!(
                        "version {stated} comes after version {latest}, which counts; leave it out, or give a higher one"
                    )),
                };
            }
            Some(stated) => stated,
            None if current == value => return Ok(Verdict::Unchanged),
            None if self.listed => {
                return Err("is in the file with another value; give each its version, or keep one".to_owned());
            }
            None => Some(latest + 1).filter(|next| *next <= NUMBER_MAX).ok_or_else(|| {
                format!("version {latest} is known, which is the highest: it can be corrected no more")
            })?,
        };
        Ok(self.sent(Verdict::Corrected(version), version, value))
    }

    /// The version after the last one.
    pub fn next(&self) -> u32 {
        self.known.last().map_or(1, |(latest, _)| latest + 1)
    }

    fn sent(&mut self, verdict: Verdict, version: u32, value: &V) -> Verdict {
        self.known.push((version, value.clone()));
        self.listed = true;
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Corrected, New, Unchanged};
    use super::*;

    fn known() -> Versions<&'static str> {
        let mut versions = Versions::default();
        versions.know(3, "b");
        versions.know(1, "a");
        versions
    }

    #[test]
    fn the_first_value_gets_version_1_unless_it_states_another() {
        assert_eq!(Versions::default().judge(None, &"a"), Ok(New(1)));
        assert_eq!(Versions::default().judge(Some(7), &"a"), Ok(New(7)));
    }

    #[test]
    fn what_is_known_is_not_sent_twice_and_another_value_is_the_next_version() {
        assert_eq!(known().judge(None, &"b"), Ok(Unchanged));
        assert_eq!(known().judge(Some(1), &"a"), Ok(Unchanged));
        assert_eq!(known().judge(None, &"a"), Ok(Corrected(4)), "back to an earlier value");
        assert_eq!(known().judge(Some(9), &"b"), Ok(Corrected(9)));
    }

    #[test]
    fn a_version_is_one_value_for_ever_and_a_lower_one_is_too_late() {
        assert!(known().judge(Some(3), &"c").is_err_and(|problem| problem.contains("another value")));
        assert!(known().judge(Some(2), &"c").is_err_and(|problem| problem.contains("which counts")));
    }

    #[test]
    fn a_version_that_no_record_can_hold_is_refused() {
        assert!(known().judge(Some(NUMBER_MAX + 1), &"c").is_err_and(|problem| problem.contains("2147483647")));
        assert!(Versions::default().judge(Some(u32::MAX), &"a").is_err());
        let mut versions = known();
        assert_eq!(versions.judge(Some(NUMBER_MAX), &"c"), Ok(Corrected(NUMBER_MAX)));
        versions.listed = false;
        assert!(versions.judge(None, &"d").is_err_and(|problem| problem.contains("the highest")));
    }

    #[test]
    fn two_values_in_one_file_need_versions() {
        let mut versions = known();
        assert_eq!(versions.judge(None, &"c"), Ok(Corrected(4)));
        assert_eq!(versions.judge(None, &"c"), Ok(Unchanged));
        assert!(versions.judge(None, &"d").is_err_and(|problem| problem.contains("in the file")));
        assert_eq!(versions.judge(Some(5), &"d"), Ok(Corrected(5)));
    }
}
