//! Who gets which partition: even shares, and everybody keeps what fits into its share.

use std::collections::BTreeSet;

/// A share for each member, in the members' order, from what each owns now.
pub(super) fn shares(partitions: i32, owned: &[BTreeSet<i32>]) -> Vec<BTreeSet<i32>> {
    let members = owned.len();
    if members == 0 {
        return Vec::new();
    }
    let all = usize::try_from(partitions).expect("a topic has no negative number of partitions");
    let (share, mut larger) = (all / members, all % members);
    let mut free: BTreeSet<i32> = (0..partitions).collect();
    let mut shares = vec![BTreeSet::new(); members];
    // Who owns most is asked first, so that the larger shares go where nothing has to move.
    let mut order: Vec<usize> = (0..members).collect();
    order.sort_by_key(|&member| std::cmp::Reverse(owned[member].len()));
    for &member in &order {
        let kept: Vec<i32> = owned[member].intersection(&free).copied().collect();
        let room = if kept.len() > share && larger > 0 { share + 1 } else { share };
        larger -= room - share;
        shares[member].extend(kept.into_iter().take(room));
        free = free.difference(&shares[member]).copied().collect();
    }
    for member in order {
        let full = shares[member].len() > share;
        let room = if larger > 0 && !full { share + 1 } else { share };
        larger -= usize::from(room > share);
        while shares[member].len() < room {
            let Some(partition) = free.pop_first() else { break };
            shares[member].insert(partition);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(lists: &[&[i32]]) -> Vec<BTreeSet<i32>> {
        lists.iter().map(|list| list.iter().copied().collect()).collect()
    }

    #[test]
    fn shares_are_even_and_complete_and_nothing_moves_without_need() {
        for partitions in 0..9 {
            for members in 1..5 {
                let mut owned = vec![BTreeSet::new(); members];
                for partition in 0..partitions {
                    owned[(partition * partition) as usize % members].insert(partition);
                }
                let given = shares(partitions, &owned);
                let sizes: Vec<usize> = given.iter().map(BTreeSet::len).collect();
                assert_eq!(sizes.iter().sum::<usize>(), partitions as usize, "{given:?}");
                let union: BTreeSet<i32> = given.iter().flatten().copied().collect();
                assert_eq!(union.len(), partitions as usize, "{given:?}");
                assert!(sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0) <= 1, "{given:?}");
                assert_eq!(shares(partitions, &given), given);
            }
        }
    }

    #[test]
    fn a_newcomer_gets_its_share_from_those_who_have_more() {
        assert_eq!(shares(4, &sets(&[&[0, 1, 2, 3], &[]])), sets(&[&[0, 1], &[2, 3]]));
        assert_eq!(shares(5, &sets(&[&[], &[0, 1], &[2, 3, 4]])), sets(&[&[4], &[0, 1], &[2, 3]]));
    }
}
